"""Random policy files: none crashes its reader, and none loosens what others say."""

import os
from datetime import UTC, datetime

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain.ports import VERDICT_RANK
from flowd.errors import InvalidInput
from flowd.safety.judge import make_judge
from flowd.safety.policy.layers import policy_for
from flowd.safety.policy.reading import read_layer
from flowd.safety.policy.rules import covers

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
EXAMPLES = int(os.environ.get("FLOW_FUZZ_EXAMPLES", "300"))

_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["rm **", "git push", "*", "~", "[", "none", "-f", "22:00", "mon", "&a", "*a"]),
)
_keys = st.one_of(
    _texts,
    st.sampled_from(
        [
            "allow",
            "confirm",
            "block",
            "writable",
            "readable",
            "network",
            "privilege",
            "run",
            "program",
            "subcommand",
            "flags",
            "paths",
            "hosts",
            "branches",
            "when",
            "message",
            "safer",
            "match",
            "not_match",
            "days",
            "from",
            "to",
        ]
    ),
)
_anything = st.recursive(
    st.one_of(_texts, st.none(), st.booleans(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_keys, inner, max_size=5)),
    max_leaves=20,
)


def _read(text):
    try:
        return read_layer(text)
    except InvalidInput as error:
        assert error.data["line"] >= 1
        return None


@given(st.one_of(_anything.map(lambda value: yaml.safe_dump(value)), st.text(max_size=200)))
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_file_crashes_the_reader_and_what_is_read_can_be_judged_by(text):
    layer = _read(text)
    if layer is not None:
        make_judge(policy_for([layer], "/work", NOON)).judge("rm -f x ~/y; git push", cwd="/work")


_globs = st.sampled_from(["/work/**", "/work/a", "~/x", "a*", "**/b", "/", "a/*", ".", "[ab]"])
_lists = {
    "run": st.sampled_from(
        ["rm **", "rm -f a", "rm *", "git push **", "git push origin *", "git push origin dev"]
    ),
    "program": st.sampled_from(["rm", "git", "g*", "curl"]),
    "subcommand": st.sampled_from(["push", "p*", "push origin"]),
    "flags": st.lists(st.sampled_from(["-f", "--force", "-r"]), min_size=1, max_size=2),
    "paths": st.lists(_globs, min_size=1, max_size=2),
    "hosts": st.lists(st.sampled_from(["*.org", "a.org", "*"]), min_size=1, max_size=2),
    "branches": st.lists(st.sampled_from(["dev", "main", "*"]), min_size=1, max_size=2),
}
_run_rules = st.fixed_dictionaries(
    {"run": _lists["run"]},
    optional={name: _lists[name] for name in ("flags", "paths", "hosts", "branches")},
)
_other_rules = st.fixed_dictionaries(
    {"program": _lists["program"]},
    optional={name: _lists[name] for name in _lists if name not in ("run", "program")},
)
_rules = st.lists(st.one_of(_run_rules, _other_rules), max_size=3)
_boundaries = {
    "writable": st.lists(_globs, max_size=2),
    "readable": st.lists(_globs, max_size=2),
    "network": st.sampled_from(["none", "allow"]),
    "privilege": st.sampled_from(["none", "allow"]),
}
_projects = st.fixed_dictionaries({}, optional={"confirm": _rules, "block": _rules, **_boundaries})
_files = st.fixed_dictionaries(
    {}, optional={"allow": _rules, "confirm": _rules, "block": _rules, **_boundaries}
)
_scripts = st.sampled_from(
    [
        "rm -f a",
        "rm a/b ~/x",
        'rm "$x"',
        "rm -rf /",
        "cd a && rm -r .",
        "git push origin dev",
        "git push --force origin main",
        "git push origin $b",
        "curl -o a https://a.org/x",
        "sudo rm x",
        "echo x > /work/a",
        "cat < ~/x",
        "bash -c 'rm x'",
    ]
)


def _verdict(script, *layers):
    return VERDICT_RANK[
        make_judge(policy_for(layers, "/work", NOON)).judge(script, cwd="/work").verdict
    ]


@given(_files, _projects, _files, _scripts)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_project_and_an_administrator_can_only_tighten(user, project, administrator, script):
    own = read_layer(yaml.safe_dump(user), "user")
    below = read_layer(yaml.safe_dump(project), "project", "/work/.flow/policy.yaml")
    above = read_layer(yaml.safe_dump(administrator), "administrator")
    alone = _verdict(script, own)
    assert _verdict(script, own, below) >= alone
    assert _verdict(script, above, own) >= alone
    assert _verdict(script, above, own, below) >= max(
        _verdict(script, above, own), _verdict(script, own, below)
    )


@given(st.lists(st.sampled_from(["a", "b", "*", "**", "a*"]), min_size=1, max_size=6))
def test_a_glob_means_itself_where_it_has_no_marks_and_what_is_below_where_it_ends_so(parts):
    glob = "/" + "/".join(parts)
    plain = glob.replace("**", "c/d").replace("*", "e")
    assert covers(glob, plain)
    assert covers(f"{glob}/**", plain)
    assert covers(f"{glob}/**", f"{plain}/x/y")
    assert not covers("/a/*/b", "/a/x/y/b")
