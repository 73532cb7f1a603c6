"""Programs given on the command line or in here-documents, in other languages."""

import pytest

from flowd.safety.judge import make_judge
from support.judging import cases, judged


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        python3 -c 'print(1)'
        python3 -c 'import json,sys; print(json.load(sys.stdin)["a"])'
        python3 -c 'import os; print(os.getcwd())'
        python3 -c "print('rm -rf /')"
        python3 -c "x = 'os.system(\"rm -rf /\")'; print(x)"
        python3 -c 'import subprocess; subprocess.run(["ls", "-l"])'
        python3 -c 'import os; os.system("ls")'
        python3 -c 'import shutil; shutil.rmtree("/tmp/scratch")'
        python3 -c 'import shutil; shutil.rmtree("build")'
        python3 -c 'open("out.txt", "w").write("hi")'
        python3 -m pytest -q
        python3 -m venv .venv
        python3 -m json.tool data.json
        python -m build
        python3 --version
        python3 manage.py test
        python3 <<END\nprint("rm -rf /")\nEND
        node -e 'console.log(1)'
        node -p '1+1'
        node --version
        perl -e 'print "rm -rf /\n"'
        perl -pe 's/a/b/' file.txt
        perl -ne 'print if /x/' file.txt
        ruby -e 'puts 1'
        ruby -ne 'puts $_ if /x/' file.txt
        php -r 'echo 1;'
        php -v
        awk '{print $1}' file.txt
        awk -F: '{print $1}' /etc/passwd
        awk '/rm -rf/ {print}' log.txt
        awk 'END {print NR}' file.txt
        sed -n '1,5p' file.txt
        sed 's/system/exec/' file.txt
        sed -e 's/e /f/' -e '/x/d' file.txt
        lua -e 'print(1)'
        """,
        confirm=r"""
        python3 script.py
        python3
        python3 -c "$code"
        python3 -c 'import os; os.remove("notes.txt")'
        python3 -c 'import shutil; shutil.rmtree("src")'
        python3 -c 'import shutil,sys; shutil.rmtree(sys.argv[1])' x
        python3 -c 'from pathlib import Path; Path("a.txt").unlink()'
        python3 -c 'import os; os.system("git push --force")'
        python3 -c 'import subprocess; subprocess.run("sudo ls", shell=True)'
        python3 -c 'open(".env").read()'
        python3 -c 'import os; exec(os.environ["CODE"])'
        python3 -c 'this is not: python'
        node app.js
        node -e 'require("fs").unlinkSync("notes.txt")'
        node -e 'require("fs").rmSync("src", {recursive: true})'
        perl script.pl
        perl -e 'unlink "notes.txt"'
        ruby script.rb
        ruby -e 'File.delete("notes.txt")'
        ruby -e 'require "fileutils"; FileUtils.rm_rf("src")'
        php -r 'unlink("notes.txt");'
        lua -e 'os.remove("notes.txt")'
        awk 'BEGIN {system("sudo ls")}'
        awk '{print > "/usr/share/x"}' f
        perl <<END\nunlink "a";\nEND
        """,
        block=r"""
        python3 -c 'import shutil; shutil.rmtree("/")'
        python3 -c 'import shutil as s; s.rmtree("/etc")'
        python3 -c 'from shutil import rmtree; rmtree("/home/anna")'
        python3 -c 'from shutil import rmtree as r; r("/")'
        python3 -c 'import shutil,os; shutil.rmtree(os.path.expanduser("~"))'
        python3 -c 'import shutil; from pathlib import Path; shutil.rmtree(Path.home())'
        python3 -c 'import shutil; p="/"; shutil.rmtree(p)'
        python3 -c 'import shutil; shutil.rmtree("/" + "etc")'
        python3 -c 'import shutil; [shutil.rmtree(p) for p in ("/etc",)]; shutil.rmtree("/etc")'
        python3 -c 'import os; os.system("rm -rf /")'
        python3 -c 'import os; os.popen("rm -rf /")'
        python3 -c 'from os import system; system("rm -rf /")'
        python3 -c 'import os as o; o.system("rm -rf /")'
        python3 -c '__import__("os").system("rm -rf /")'
        python3 -c 'getattr(__import__("os"), "system")("rm -rf /")'
        python3 -c 'import os; f = os.system; f("rm -rf /")'
        python3 -c 'import os; os.system("rm " + "-rf" + " /")'
        python3 -c 'import os; c="rm -rf /"; os.system(c)'
        python3 -c 'import os; d="/"; os.system(f"rm -rf {d}")'
        python3 -c 'import os; os.system(" ".join(["rm", "-rf", "/"]))'
        python3 -c 'import subprocess; subprocess.run(["rm", "-rf", "/"])'
        python3 -c 'import subprocess as s; s.Popen("rm -rf /", shell=True)'
        python3 -c 'from subprocess import *; run("rm -rf /", shell=True)'
        python3 -c 'import subprocess; subprocess.call(["sh", "-c", "rm -rf /"])'
        python3 -c 'import os; os.execvp("rm", ["rm", "-rf", "/"])'
        python3 -c 'import pty; pty.spawn(["rm", "-rf", "/"])'
        python3 -c 'exec("import os; os.system(\"rm -rf /\")")'
        python3 -c 'eval("__import__(\"os\").system(\"rm -rf /\")")'
        python3 -c 'open("/etc/passwd", "w")'
        python3 -c 'from pathlib import Path; Path("/etc/passwd").write_text("x")'
        python3 -c 'open("/dev/sda", "wb").write(b"0")'
        python3 -c 'import os; os.chmod("/etc/passwd", 0o777)'
        python3 -c 'import os\nwhile True: os.fork()'
        python3 <<END\nimport os\nos.system("rm -rf /")\nEND
        python3 - <<'END'\nimport shutil\nshutil.rmtree("/usr")\nEND
        echo 'import os; os.system("rm -rf /")' | python3
        cat > x.py <<END\nimport os; os.system("rm -rf /")\nEND\npython3 x.py
        python -c 'import os; os.system("rm -rf /")'
        python3.11 -c 'import os; os.system("rm -rf /")'
        pypy3 -c 'import os; os.system("rm -rf /")'
        perl -e 'system("rm -rf /")'
        perl -e 'system "rm -rf /"'
        perl -e 'system("rm", "-rf", "/")'
        perl -e 'exec "rm -rf /"'
        perl -e '`rm -rf /`'
        perl -e 'qx(rm -rf /)'
        perl -MFile::Path -e 'rmtree("/etc")'
        perl -e 'unlink glob("/etc/*")'
        perl -e 'unlink </etc/*>; unlink "/etc/passwd"'
        perl -e 'fork while fork'
        perl -e 'fork while 1'
        ruby -e 'system("rm -rf /")'
        ruby -e '`rm -rf /`'
        ruby -e 'exec "rm", "-rf", "/"'
        ruby -e '%x(rm -rf /)'
        ruby -e 'require "fileutils"; FileUtils.rm_rf("/")'
        ruby -e 'FileUtils.rm_r "/etc"'
        ruby -e 'loop { fork }'
        ruby -e 'File.write("/etc/passwd", "x")'
        node -e 'require("child_process").execSync("rm -rf /")'
        node -e 'require("fs").rmSync("/", {recursive: true, force: true})'
        node -e 'const {exec} = require("child_process"); exec("rm -rf /")'
        node -e 'require("child_process").spawn("rm", ["-rf", "/"])'
        node <<END\nrequire("fs").rmSync("/etc", {recursive:true})\nEND
        php -r 'system("rm -rf /");'
        php -r 'shell_exec("rm -rf /");'
        php -r '`rm -rf /`;'
        lua -e 'os.execute("rm -rf /")'
        awk 'BEGIN{system("rm -rf /")}'
        awk '{ "rm -rf /" | getline }' f
        awk 'BEGIN { print "x" | "sh -c \"rm -rf /\"" }'
        awk 'BEGIN { print "x" > "/etc/passwd" }'
        gawk 'BEGIN { cmd = "x"; system("rm -rf /" ) }'
        echo 'system("rm -rf /")' | ruby
        """,
    ),
)
def test_verdict(verdict, command):
    assert judged(command).verdict == verdict


@pytest.mark.parametrize(
    ("verdict", "script"),
    [
        ("allow", "print('hello')\n"),
        ("allow", "import subprocess\nsubprocess.run(['git', 'status'], check=True)\n"),
        ("confirm", "import os\nos.remove('x')\n"),
        ("confirm", "this is not: python"),
        ("block", "import shutil\nshutil.rmtree('/')\n"),
        ("block", "import os\nif True:\n    os.system('rm -rf /')\n"),
    ],
)
def test_python_scripts(verdict, script):
    assert make_judge().judge(script, shell="python").verdict == verdict


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        perl -e 'my $c = "ls -l"; system($c)'
        perl -e 'print "system(rm -rf /)"'
        node -e 'console.log(/a(.)/.exec("ab")[1])'
        perl -e 'open(my $f, "<", "notes.txt")'
        sed 's/a/b/g; s|c|d|' notes.txt
        php -r 'file_put_contents("out.txt", "x".PHP_EOL);'
        """,
        confirm=r"""
        perl -e '$c = "ls"; $c = $ARGV[0]; system($c)'
        perl -e '$c = "ls"; $c .= "; rm -rf /"; system($c)'
        perl -e '$c = "rm -rf /"; system($c); $c = "ls"'
        node -e 'require("child_process").exec("rm -rf " + process.argv[1])'
        awk '{ system("rm " $1) }' list
        """,
        block=r"""
        perl -e 'my $c = "rm -rf /"; system($c)'
        perl -e 'system("r" . "m -rf /")'
        lua -e 'os.execute("rm -r" .. "f /")'
        node -e 'const {execSync: run} = require("child_process"); run("rm -rf /")'
        php -r 'array_map("unlink", glob("/etc/*"));'
        ruby -e 'Dir.glob("/etc/*").each { |f| File.delete(f) }'
        perl -e '$x = "; print "; system("rm -rf /")'
        perl -e 'open(P, "rm -rf /|")'
        sed 's/x/rm -rf \//e' f
        tclsh <<< 'exec rm -rf /'
        python3 -c 'import os; os.system("rm -rf %s" % "/")'
        """,
    ),
)
def test_what_a_program_puts_together(verdict, command):
    assert judged(command).verdict == verdict


def test_many_substitutions_take_no_time_to_speak_of():
    """A pattern that looks for the end of each of them would take minutes."""
    assert judged("sed '" + "s/" * 3_000 + "'").verdict in ("allow", "confirm")
