"""Packages, containers, clusters, clouds, databases."""

import pytest

from support.judging import cases, judged


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        npm test
        npm run build
        npm run publish-docs
        npm start
        npm ls
        npm view react
        npm outdated
        npm audit
        npm pack
        npm init -y
        npm version patch
        npm publish --dry-run
        npm install --dry-run x
        npm --help
        npm help install
        npm cache verify
        yarn build
        yarn test
        pnpm run lint
        npx eslint .
        npx tsc --noEmit
        npx prettier --check .
        pip list
        pip show requests
        pip freeze > requirements.txt
        pip download requests
        pip check
        pip install --dry-run x
        pip --version
        python -m pip list
        poetry build
        poetry run pytest
        poetry show
        poetry lock
        uv run pytest
        uv lock
        uv pip list
        cargo build
        cargo test
        cargo run
        cargo check
        cargo fmt
        cargo doc
        cargo publish --dry-run
        cargo install --list
        go build ./...
        go test ./...
        go run .
        go mod tidy
        go vet ./...
        gem list
        bundle exec rake
        brew list
        brew info wget
        apt list --installed
        apt search x
        apt-get -s install x
        apt-cache policy x
        dpkg -l
        rpm -qa
        pacman -Q
        pacman -Ss x
        dnf list
        make
        make test
        make -j4 all
        make -n install
        cmake -B build
        mvn test
        mvn package
        ./gradlew build
        ./mvnw verify
        ./configure --prefix=/usr
        pytest -q
        tox
        nox
        ruff check .
        twine check dist/*
        conda list
        docker ps
        docker ps -a
        docker images
        docker logs web
        docker build -t x .
        docker pull alpine
        docker run --rm alpine echo hi
        docker run -d -p 8080:80 nginx
        docker run -v "$PWD":/app -w /app node npm test
        docker compose up -d
        docker compose logs -f
        docker compose ps
        docker compose build
        docker exec web cat /app/x
        docker inspect web
        docker system df
        docker volume ls
        docker network ls
        docker cp web:/x .
        docker rm --help
        docker tag a b
        kubectl get pods
        kubectl describe pod x
        kubectl logs -f x
        kubectl delete --help
        kubectl delete pod x --dry-run=client
        kubectl apply -f x.yaml --dry-run=server
        kubectl get pods -n delete
        kubectl config get-contexts
        kubectl exec x -- ls -n
        helm list
        helm template x
        helm install --dry-run x y
        helm lint .
        minikube status
        terraform init
        terraform plan
        terraform plan -destroy
        terraform validate
        terraform fmt
        terraform show
        terraform state list
        terraform output
        pulumi preview
        aws s3 ls
        aws s3 cp s3://b/x .
        aws s3 sync s3://b/x local
        aws ec2 describe-instances
        aws ec2 terminate-instances --dry-run --instance-ids i-1
        aws sts get-caller-identity
        aws configure list
        aws iam list-users
        gcloud compute instances list
        gcloud projects describe x
        gcloud auth list
        gcloud config get-value project
        gsutil ls gs://b
        gsutil cp gs://b/x .
        az vm list
        az group show -n x
        gh pr list
        gh pr create --fill
        gh pr view 1
        gh pr checkout 1
        gh issue list
        gh repo view
        gh repo clone x/y
        gh run list
        gh api repos/x/y
        heroku logs --tail
        vercel ls
        netlify status
        flyctl status
        psql -c 'SELECT 1'
        psql -c "SELECT * FROM drops"
        psql -l
        psql -c 'DELETE FROM x WHERE id = 1'
        psql -c "UPDATE x SET a=1 WHERE id=2"
        psql -c "INSERT INTO x VALUES ('DROP TABLE y')"
        psql -c '-- DROP TABLE x'
        mysql -e 'SHOW TABLES'
        mysql db -e 'select 1'
        mysqldump db > dump.sql
        pg_dump db > dump.sql
        sqlite3 app.db 'select * from x'
        sqlite3 app.db .tables
        sqlite3 -readonly app.db 'DROP TABLE x'
        sqlite3 app.db "select 'drop table x'"
        redis-cli get x
        redis-cli keys '*'
        redis-cli info
        redis-cli ping
        mongosh --eval 'db.x.find()'
        rails db:migrate
        rails server
        python manage.py migrate
        php artisan migrate
        echo 'DROP TABLE x'
        grep -i 'drop table' schema.sql
        createdb test
        """,
        confirm=r"""
        npm install
        npm i
        npm ci
        npm install react
        npm i -g typescript
        npm add x
        npm uninstall x
        npm update
        npm publish
        npm unpublish x
        npm deprecate x y
        npm audit fix
        npm link
        npm exec cowsay
        npx create-react-app x
        yarn
        yarn add x
        yarn install
        yarn global add x
        pnpm install
        pnpm add x
        bun install
        bun add x
        pip install requests
        pip3 install -r requirements.txt
        pip install -e .
        pip uninstall -y x
        python -m pip install x
        python3.11 -m pip install x
        pipx install x
        pipx run x
        uv add x
        uv sync
        uv pip install x
        uvx ruff
        poetry add x
        poetry install
        poetry publish
        twine upload dist/*
        cargo install x
        cargo add x
        cargo publish
        cargo uninstall x
        rustup update
        go install x@latest
        go get x
        gem install x
        gem push x.gem
        bundle install
        composer require x
        composer install
        brew install x
        brew uninstall x
        brew upgrade
        apt install x
        apt-get install -y x
        apt-get remove x
        apt-get update
        apt-get purge x
        apt autoremove
        dnf install x
        yum remove x
        zypper install x
        pacman -S x
        pacman -Syu
        pacman -Rns x
        apk add x
        snap install x
        flatpak install x
        dpkg -i x.deb
        rpm -e x
        rpm -ivh x.rpm
        make install
        make deploy
        mvn deploy
        gradle publish
        ./gradlew publish
        conda install x
        nix-env -iA x
        vsce publish
        dotnet add package x
        docker rm web
        docker rm -f $(docker ps -aq)
        docker rmi x
        docker stop web
        docker kill web
        docker system prune -af
        docker volume rm x
        docker volume prune
        docker network rm x
        docker image prune -a
        docker container prune
        docker builder prune
        docker compose down
        docker compose down -v
        docker-compose down --volumes
        docker push x/y
        docker run --privileged x
        docker run -v /:/host x
        docker run --pid=host x
        docker run -v /var/run/docker.sock:/var/run/docker.sock x
        docker run --cap-add=SYS_ADMIN x
        docker -H tcp://x rm y
        docker context use x && docker rm y
        docker swarm leave --force
        docker stack rm x
        podman rm -f x
        kubectl delete pod x
        kubectl delete ns x
        kubectl -n x delete deploy y
        kubectl delete -f x.yaml
        kubectl delete pods --all
        kubectl drain node
        kubectl apply -f x.yaml
        kubectl scale --replicas=0 deploy/x
        kubectl rollout restart deploy/x
        kubectl exec -it x -- bash
        kubectl patch x
        kubectl create ns x
        kubectl edit deploy x
        helm install x y
        helm upgrade x y
        helm uninstall x
        helm rollback x 1
        minikube delete
        kind delete cluster
        vagrant destroy -f
        terraform apply
        terraform apply -auto-approve
        terraform destroy
        terraform -chdir=x destroy -auto-approve
        terraform state rm x
        terraform import x y
        terraform taint x
        terraform workspace delete x
        terraform force-unlock 1
        tofu destroy
        pulumi destroy
        pulumi up
        cdk destroy
        cdk deploy
        serverless remove
        sam delete
        ansible-playbook x.yml
        aws s3 rm s3://b/x
        aws s3 rm --recursive s3://b
        aws s3 rb s3://b --force
        aws s3 sync . s3://b --delete
        aws s3 cp x s3://b
        aws ec2 terminate-instances --instance-ids i-1
        aws ec2 stop-instances --instance-ids i-1
        aws rds delete-db-instance --db-instance-identifier x
        aws --profile prod iam delete-user --user-name x
        aws cloudformation delete-stack --stack-name x
        aws lambda delete-function --function-name x
        aws dynamodb delete-table --table-name x
        gcloud compute instances delete x
        gcloud projects delete x
        gcloud sql instances delete x
        gcloud run services delete x
        gcloud container clusters delete x
        gsutil rm gs://b/x
        gsutil -m rm -r gs://b
        gsutil rb gs://b
        gsutil cp x gs://b
        az group delete -n x
        az vm delete -n x
        az storage account delete -n x
        gh repo delete x/y
        gh release delete v1
        gh release create v1
        gh pr merge 1
        gh api -X DELETE repos/x/y
        gh secret delete X
        gh secret set X
        heroku apps:destroy x
        heroku pg:reset
        vercel rm x
        netlify sites:delete x
        netlify deploy --prod
        fly apps destroy x
        firebase projects:delete x
        wrangler delete
        doctl compute droplet delete x
        supabase db reset
        psql -c 'DROP TABLE x'
        psql -c 'drop database x'
        psql -c 'TRUNCATE x'
        psql -c 'DELETE FROM x'
        psql -c 'UPDATE x SET a=1'
        psql -c 'ALTER TABLE x DROP COLUMN y'
        psql -c "SELECT 1; DROP TABLE x"
        psql -c 'DELETE FROM x WHERE 1=1'
        psql -f schema.sql
        psql db < dump.sql
        echo 'DROP TABLE x' | psql
        psql <<END\nDROP TABLE x;\nEND
        mysql -e 'DROP DATABASE x'
        mysql --execute='TRUNCATE TABLE x'
        mysql -uroot -psecret -e 'DROP TABLE x' db
        mysql db < dump.sql
        sqlite3 app.db 'DROP TABLE x'
        sqlite3 app.db 'DELETE FROM x'
        duckdb x.db 'drop table y'
        dropdb x
        mysqladmin drop x
        redis-cli FLUSHALL
        redis-cli -n 1 flushdb
        redis-cli del x
        redis-cli shutdown
        mongosh --eval 'db.dropDatabase()'
        mongo x --eval 'db.y.drop()'
        mongosh --eval 'db.x.deleteMany({})'
        rails db:drop
        rails db:reset
        rake db:drop
        php artisan migrate:fresh
        python manage.py flush
        prisma migrate reset
        npx prisma migrate reset
        npx prisma db push
        alembic downgrade base
        DROP TABLE users;
        drop database app
        DELETE FROM users;
        pg_restore -c -d x dump
        """,
        block=r"""
        npm test; rm -rf /
        npm exec -- rm -rf /
        docker run -v /:/host alpine rm -rf /
        docker run -v /:/host alpine rm -rf /host/etc
        podman run -v /etc:/conf:rw alpine rm -rf /conf
        make && rm -rf /
        psql -c '\! rm -rf /'
        sqlite3 x.db '.shell rm -rf /'
        sqlite3 x.db '.system rm -rf /'
        mysql -e 'system rm -rf /'
        psql <<END\n\! rm -rf /\nEND
        """,
    ),
)
def test_verdict(verdict, command):
    assert judged(command).verdict == verdict
