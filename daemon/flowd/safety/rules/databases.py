"""Database programs other than SQL clients, and SQL typed where a command belongs."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.code.sql import destructive_statement
from flowd.safety.command import Command, split
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rules
from flowd.safety.rules.verbs import Verbs, rule_of
from flowd.safety.state import State
from flowd.safety.tables import listed

_DROP = ("databases.drop", "Deletes a database or all its data.")
_KEY_VALUE = re.compile(
    r"flushall|flushdb|shutdown|del|unlink|debug|script|replicaof|slaveof|failover|cluster|swapdb|migrate",
    re.IGNORECASE,
)
_SCRIPT = re.compile(
    r"\.(?:dropDatabase|drop|deleteMany|remove|deleteOne|dropIndexes|dropUser|shutdownServer|dropRole"
    r"|updateMany|renameCollection|bulkWrite|findOneAndDelete|findAndModify)\s*\("
)
SQL_WORDS = ("DROP", "TRUNCATE", "DELETE", "ALTER", "UPDATE", "drop", "delete", "alter", "update")


def _tool(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments and not split(command.arguments).asks_for_help:
        yield confirm(*_DROP, command.span)


def _admin(command: Command, _state: State) -> Iterator[Finding]:
    hit = next(
        (
            a
            for a in command.arguments
            if a.text in ("drop", "shutdown", "flush-hosts", "kill", "password", "flush-privileges")
        ),
        None,
    )
    if hit is not None:
        yield confirm("databases.admin", "Drops, stops or changes a database server.", hit.span)


def _key_value(command: Command, _state: State) -> Iterator[Finding]:
    words = split(
        command.arguments, listed("-h -p -a -n -u -s -r -i --user --pass --db -x")
    ).operands
    if words and _KEY_VALUE.fullmatch(words[0].text):
        yield confirm("databases.key-value", "Deletes keys or stops the store.", command.span)
    elif (
        words
        and words[0].text.lower() == "config"
        and len(words) > 1
        and (words[1].text.lower() == "set")
    ):
        yield confirm("databases.admin", "Changes the settings of a database server.", command.span)


def _shell(command: Command, _state: State) -> Iterator[Finding]:
    """Mongosh and its like take JavaScript."""
    hit = next((a for a in command.arguments if _SCRIPT.search(a.text)), None)
    if hit is None and command.stdin.only and _SCRIPT.search(command.stdin.only):
        yield confirm(*_DROP, command.span)
    elif hit is not None:
        yield confirm(*_DROP, hit.span)


def _statement(command: Command, _state: State) -> Iterator[Finding]:
    """`DROP TABLE x` as a command: meant for a database that is waiting for it."""
    text = " ".join(word.text for word in command.words)
    if destructive_statement(text) is not None:
        yield confirm("databases.destructive-sql", "SQL that destroys data.", command.span)


def _restore(command: Command, _state: State) -> Iterator[Finding]:
    into_database = command.name != "pg_restore" or command.has_word(
        "-d", "--dbname", "-c", "--clean", "-C"
    )
    if command.arguments and into_database:
        yield confirm("databases.restore", "Overwrites the data of a database.", command.span)


_FRAMEWORKS = Verbs(
    {
        _DROP: "db:drop db:reset db:schema:load db:structure:load db:migrate:reset db:purge "
        "migrate:reset migrate:fresh db:wipe flush "
        "reset_db db:rollback migrate:rollback db:seed:replant migrate/reset db/reset "
        "sqlflush db/drop "
        "db/downgrade downgrade drop ecto.drop ecto.reset ecto.rollback db/push migrate:refresh",
    },
    "-e --env -c --config",
    "--dry-run --pretend",
)


def _big_query(command: Command, _state: State) -> Iterator[Finding]:
    """`bq rm DATASET`, past bq's own options."""
    options = split(command.arguments, listed("--location --project_id --dataset_id --format"))
    if options.operands[:1] and options.operands[0].text in ("rm", "truncate"):
        yield confirm(*_DROP, command.span)


RULES: Rules = {
    "bq": (_big_query,),
    **dict.fromkeys(listed("dropdb dropuser pg_dropcluster initdb pg_resetwal"), (_tool,)),
    **dict.fromkeys(("mysqladmin", "mariadb-admin"), (_admin,)),
    **dict.fromkeys(("redis-cli", "valkey-cli", "keydb-cli", "memcached-tool"), (_key_value,)),
    **dict.fromkeys(("mongosh", "mongo"), (_shell,)),
    **dict.fromkeys(SQL_WORDS, (_statement,)),
    **dict.fromkeys(("pg_restore", "mongorestore", "mysqlimport"), (_restore,)),
    **dict.fromkeys(
        listed(
            "rails rake artisan manage.py django-admin prisma sequelize knex flyway "
            "liquibase alembic mix typeorm drizzle-kit symfony console flask"
        ),
        (rule_of(_FRAMEWORKS),),
    ),
}
