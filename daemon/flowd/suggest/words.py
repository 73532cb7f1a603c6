"""What words mean to a developer: synonyms, related meanings, opposites, words without meaning.

The tables are data: `text.py` reads the words, `match.py` the relations between meanings.
"""

REWRITES: tuple[tuple[str, str, str], ...] = (
    # letters marked as in a manual ("[c]reate"), politeness, questions
    ("[", r"\[(\w)\]", r"\1"),
    ("hey hi please ok flow", r"^\s*(?:hey|hi|please|ok|flow)[,\s]+", ""),
    (
        "current",
        r"\b(?:print|what(?:'s| is)|(?:name|path) of)\s+(?:the |my )?"
        r"current (?:directory|folder|dir)\b",
        "show cwd",
    ),
    ("command", r"\b(?:what|which) is the (?:\w+ )?command (?:to|for|that|which)\b", ""),
    ("how", r"\bhow (?:do|can|to|would|should)(?: i| we| you)?\b", ""),
    ("want need like 'd wish", r"\b(?:i|we) (?:want|need|would like|'d like|wish)(?: to)?\b", ""),
    ("me", r"\b(?:show|give|tell) me\b|\blet me see\b", "show"),
    ("rid away out", r"\bget rid of\b|\bthrow away\b|\bclear out\b", "delete"),
    ("many number amount", r"\bhow many\b|\b(?:the )?(?:number|amount) of\b", "count"),
    ("how up", r"\bhow (?:big|large)\b|\bhow much (?:space|room)\b|\btakes? up\b", "size"),
    ("how", r"\bhow much\b", "usage"),
    ("who ", r"\bwho (?:changed|wrote|last changed|edited|touched|is to blame)\b", "blame"),
    ("wh", r"^\s*(?:what(?:'s| is| are)?|which|where(?:'s| is| are)?)\b", "show"),
    # negation
    ("non", r"\bnon[- ]", "no "),
    ("not n't no longer", r"\b(?:do|does|is|are|has|have|did)(?: not|n't)\b|\bno longer\b", "not"),
    # turns of phrase that are one meaning
    ("re", r"\bre-(start|build|run|name|base|load|install|create|order|size)", r"re\1"),
    ("down off", r"\bshut(?:ting|s)? down\b|\bpower(?:ing|s)?[- ]?off\b", "shutdown"),
    (" on", r"\b(?:turn|switch)(?:ed|ing)? on\b", "enable"),
    (" off", r"\b(?:turn|switch)(?:ed|ing)? off\b", "disable"),
    ("set", r"\bset(?:ting)?[- ]?up\b", "setup"),
    ("log sign", r"\b(?:log|sign)(?:ging|ning|s)? ?in(?:to)?\b", "login"),
    ("up", r"\blook(?:ing|s)?[- ]?up\b", "lookup"),
    ("look", r"\blook(?:ing|s)? for\b", "find"),
    ("look", r"\blook(?:ing|s)? at\b", "show"),
    ("out", r"\bcheck(?:ing|s|ed)?[- ]?out\b", "checkout"),
    ("back", r"\broll(?:ing|s|ed)?[- ]?back\b", "rollback"),
    ("up", r"\bback(?:ing|s|ed)?[- ]?ups?\b", "backup"),
    ("up", r"\bclean(?:ing|s|ed)?[- ]?up\b", "clean"),
    ("up", r"\b(?:spin|bring|fire)(?:ning|ing)? up\b", "start"),
    ("down", r"\b(?:tear|bring|take)(?:ing)? down\b", "stop"),
    ("cherry", r"\bcherry[- ]?pick", "cherrypick"),
    ("fast", r"\bfast[- ]?forward", "fastforward"),
    ("force", r"\bforce[- ]?push", "force push"),
    ("test", r"\bunit tests?\b|\btest suite\b", "test"),
    (
        "line",
        r"\bline numbers?\b|\bnumber(?:ing|ed)? (?:each |all )?(?:the )?lines?\b",
        "linenumber",
    ),
    ("line carriage crlf", r"\bline endings?\b|\bcarriage returns?\b|\bcrlf\b", "crlf"),
    ("dos windows \\r", r"\\r\b|\b(?:dos|windows) format\b", "crlf"),
    ("upper capital", r"\bupper[- ]?case to lower[- ]?case\b", "lowercase"),
    ("upper capital", r"\blower[- ]?case to upper[- ]?case\b", "uppercase"),
    ("upper capital", r"\bupper[- ]?case\b|\bcapital letters?\b", "uppercase"),
    ("lower small", r"\blower[- ]?case\b|\bsmall letters?\b", "lowercase"),
    ("white", r"\bwhite ?spaces?\b", "whitespace"),
    ("file", r"\bfile ?systems?\b", "filesystem"),
    ("disk", r"\bdisk (?:space|usage)\b|\bdiskspace\b", "disk space"),
    ("hard", r"\bhard[- ]?links?\b", "hardlink"),
    ("link", r"\b(?:sym(?:bolic)?|soft)[- ]?links?\b", "symlink"),
    ("key", r"\bkey[- ]?pairs?\b", "keypair"),
    ("read", r"\bread[- ]only\b", "readonly"),
    ("standard", r"\bstandard (?:output|out)\b", "stdout"),
    ("standard", r"\bstandard error\b", "stderr"),
    ("standard", r"\bstandard input\b", "stdin"),
    ("sub", r"\bsub[- ]?(?:folder|dir|directory|directorie)s?\b", "subdirectory"),
    ("sub", r"\bsub[- ]?modules?\b", "submodule"),
    ("working cwd", r"\b(?:current |present )?working (?:directory|dir|folder)\b|\bcwd\b", "cwd"),
    ("tree", r"\bwork(?:ing)?[- ]?tree", "worktree"),
    ("dry", r"\bdry[- ]?run", "dryrun"),
    ("name", r"\bname ?servers?\b", "nameserver"),
    ("command", r"\bcommand[- ]line\b", "commandline"),
    ("line", r"\bone[- ]?line(?:r)?\b|\b(?:single|one) line each\b", "oneline"),
    ("date", r"\b(?:up|out)[- ](?:to|of)[- ]date\b|\bout-?dated\b", "outdated"),
    ("cached", r"\bgit\b(.*)\bcached\b|--cached\b", r"git\1 staged"),
    (
        "case",
        r"\bcase[- ]?insensitiv\w*|\b(?:ignor\w+|regardless of|without regard to)(?: the)?"
        r"(?: upper| lower| letter)? ?case\b",
        "ignorecase",
    ),
    ("pod deployment kube", r"\b(?:pods?|deployments?|kube\w*|k8s)\b", r"\g<0> kubernetes"),
    (
        "boot startup start-up",
        r"\b(?:at|on|during|every|each|after) (?:system )?(?:boot|start-?up)\b",
        "atboot",
    ),
    ("with", r"\b(?:start|begin)(?:s|ning|ing)? with\b", "startwith"),
    ("with in", r"\bend(?:s|ing)? (?:with|in)\b", "endwith"),
    ("crate", r"\bcrates?\b", "rust package"),
    ("js", r"\bnode\.?js\b", "node"),
    ("postgre psql", r"\bpostgre(?:s|sql)\b|\bpsql\b", "postgres"),
    ("mongo", r"\bmongo ?db\b|\bmongo\b", "mongodb"),
    ("maria", r"\bmaria ?db\b", "mysql"),
    ("compose", r"\bdocker[- ]compose\b", "compose"),
    ("lock", r"\bpackage[- ]?lock\b|\block ?files?\b", "lockfile"),
    ("os distro operating", r"\boperating system\b|\bdistro\b|\bos version\b", "distribution"),
    ("ip", r"\bip addr(?:ess)?(?:es)?\b|\bip'?s\b", "ip"),
    ("mac ", r"\bmac addr(?:ess)?(?:es)?\b", "macaddress"),
    ("cron", r"\bcron ?(?:tab|job)s?\b", "cron"),
    ("tar", r"\btar ?balls?\b", "tar"),
    ("untar", r"\buntar", "extract tar"),
    ("unzip", r"\bunzip(?:s|ping|ped)?\b", "extract zip"),
    ("gunzip ungzip zcat", r"\bgunzip\b|\bungzip\b|\bzcat\b", "extract gzip"),
    ("bunzip2", r"\bbunzip2\b", "extract bzip2"),
    ("gz", r"\bgzip(?:ped|s)\b|\.gz\b", "gzip"),
    ("sum", r"\b(md5|sha\d+)[- ]?sums?\b", r"\1 hash"),
    ("sha-", r"\bsha-(\d+)", r"sha\1"),
    ("https", r"\bhttps\b", "http"),
    ("world", r"\bworld[- ](\w)", r"everyone \1"),
    ("self", r"\bself[- ]signed\b", "selfsigned"),
    ("load", r"\bload average\b", "loadaverage"),
    ("env", r"\benvironment variables?\b|\benv vars?\b", "envvar"),
    ("env", r"\bvirtual ?env(?:ironment)?s?\b|\bvenv\b", "venv"),
    ("pretty", r"\bpretty[- ]?print", "format"),
)
"""Pieces of which one must be there (so that most rows cost little), a pattern, what it becomes."""

_SYNONYMS = """
    show: show display print list view see output get inspect cat reveal present
    find: find search locate discover seek
    delete: delete remove erase rm destroy unlink wipe del removal deletion discard
    create: create make new generate initialize initialise init mkdir bootstrap scaffold
    add: add append insert include
    change: change modify alter edit adjust tweak set configure
    copy: copy cp duplicate
    move: move mv relocate
    start: start launch boot begin
    run: run execute exec invoke perform
    stop: stop halt end pause
    kill: kill terminate sigkill sigterm
    compress: compress pack shrink compression
    extract: extract unpack decompress uncompress inflate expand unarchive decompression
    install: install installation
    uninstall: uninstall deinstall
    update: update upgrade bump refresh
    download: download retrieve
    undo: undo revert rollback unwind
    restore: restore recover undelete
    save: save store keep preserve retain
    count: count tally total sum
    replace: replace substitute swap
    compare: compare diff difference differ comparison
    check: check verify validate ensure
    test: test tests testing
    watch: watch monitor follow tail stream live realtime
    join: join merge combine concatenate concat unite
    split: split divide chop
    sort: sort order
    publish: publish release ship deploy
    connect: connect login attach connection
    enable: enable activate
    disable: disable deactivate
    encrypt: encrypt encryption
    decrypt: decrypt decryption
    convert: convert transform turn translate
    switch: switch checkout
    backup: backup snapshot dump
    import: import load
    format: format prettify beautify reformat indent
    clean: clean prune purge tidy cleanup
    empty: empty blank
    skip: skip ignore exclude except omit without no not
    directory: directory folder dir
    repository: repository repo
    process: process task job program pid proc
    service: service daemon unit
    machine: machine computer box system host
    package: package dependency library module deps lib
    variable: variable var
    database: database db
    permission: permission mode chmod right
    owner: owner ownership chown own owned
    log: log history journal
    changes: changes changed modification modified edits
    interface: interface nic adapter
    all: all every each everything entire whole
    character: character char letter
    column: column field
    duplicate: duplicate duplicates repeated dupe
    unique: unique distinct uniq dedupe deduplicate
    large: large big biggest largest huge heavy larger bigger
    small: small smallest tiny smaller
    recent: recent latest newest last lately recently previous
    old: old older oldest stale
    first: first initial top head beginning
    recursive: recursive recursively tree subdirectory hierarchy nested
    running: running active
    local: local locally
    remote: remote remotely upstream origin
    memory: memory ram
    cpu: cpu processor
    disk: disk drive volume partition
    network: network networking
    password: password passphrase passwd
    certificate: certificate cert ssl tls x509
    content: content contents text data
    stage: stage staged staging
    cache: cache caches cached caching
    author: author contributor committer
    message: message comment
    force: force forced forcefully forcibly forcing
    hash: hash checksum digest
    user: user account username
    info: info information detail details metadata
    status: status state health
    setting: setting config configuration preference
    shell: shell terminal bash console tty
    background: background detached detach
    usage: usage consumption utilization consume consuming used
    symlink: symlink
    error: error failure fail failed
    global: global globally systemwide
    query: query sql statement
    row: row record
    lint: lint linter style
    size: size space
    date: date day
    time: time timestamp
    hidden: hidden dotfile
    address: address addr
    filter: filter
    outdated: outdated obsolete
    website: website webpage site page web
    overview: overview summary summarize
    mount: mount mounted mounting
    optimize: optimize optimization
"""


def _read_synonyms(text: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for line in text.strip().splitlines():
        meaning, words = line.split(":")
        table.update(dict.fromkeys(words.split(), meaning.strip()))
    return table


CANONICAL = _read_synonyms(_SYNONYMS)
"""Word -> the meaning it stands for."""

_RELATED = """
    show: find .5 check .3 info .3 log .2 status .2
    find: show .5
    create: add .6 setup .6 start .2 install .2
    add: create .6 install .4
    setup: create .6 install .4 change .3
    delete: clean .7 uninstall .7 stop .2 kill .2
    clean: delete .7
    uninstall: delete .8
    change: replace .4 update .4 add .2 switch .2
    replace: change .5
    stop: kill .7 disable .3
    kill: stop .7
    start: run .8 enable .3 create .2
    run: start .8
    copy: download .4 upload .4 backup .3 move .3 clone .4
    clone: copy .5 download .5
    fetch: download .7 pull .5 update .4
    move: rename .7 copy .3
    rename: move .7 change .4
    download: copy .4 pull .5 install .2 fetch .7 show .2
    pull: download .6 update .4 fetch .5
    upload: copy .5 push .5
    push: upload .5 publish .4
    publish: push .4 upload .4
    undo: restore .5 delete .2 reset .4
    reset: undo .5 restore .3
    restore: undo .5 import .5
    backup: save .5 export .6 copy .4 show .2
    export: backup .6 save .4
    import: restore .6
    save: backup .4 export .3 add .2
    check: test .7 show .3 status .3 lint .5
    test: check .6
    lint: check .6
    watch: show .4
    restart: start .4
    update: change .3 install .3 pull .3
    changes: compare .4 change .6
    compare: changes .4
    archive: compress .6 tar .6
    compress: archive .6 zip .5 gzip .5
    zip: compress .6 archive .5
    gzip: compress .6
    tar: archive .7
    server: machine .5 service .3
    machine: server .5 remote .4
    remote: machine .3 server .3
    content: file .2
    connect: shell .3
    switch: change .4
    status: show .2 check .3 info .3
    info: show .3 status .4 overview .6
    overview: info .6 show .3 count .2
    website: server .5 url .6
    url: website .5
    ignorecase: case .5
    atboot: enable .7 start .3
    enable: atboot .4
    usage: size .4 info .2
    size: usage .4 large .3
    large: size .4
    unique: duplicate .6
    duplicate: unique .6
    convert: change .3
    venv: environment .8
    environment: venv .6 envvar .5
    envvar: environment .6 variable .5
    variable: envvar .4
    md5: hash .5
    sha256: hash .5
    subdirectory: recursive .5 directory .4
    cwd: directory .5
    sudo: root .5
    reboot: restart .8
    restart: reboot .2
    process: command .2
    hostname: name .2
    link: symlink .6 hardlink .4
"""


def _read_related(text: str) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for line in text.strip().splitlines():
        meaning, others = line.split(":")
        pairs = others.split()
        table[meaning.strip()] = dict(zip(pairs[::2], map(float, pairs[1::2]), strict=True))
    return table


RELATED = _read_related(_RELATED)
"""Meaning in a task -> meanings in a phrase it may stand for, and by how much (0 to 1)."""

_OPPOSITES = """
    delete: create add show find install start copy save restore run export move
    stop: start run show create
    kill: start show create run
    enable: disable show
    disable: start show
    uninstall: install show
    extract: compress create archive
    decrypt: encrypt
    push: pull show
    upload: download
    import: export
    backup: restore
    join: split
    create: show find restore
    show: rename publish move encrypt install undo compress start copy restart
"""


def _read_opposites(text: str) -> frozenset[tuple[str, str]]:
    pairs: set[tuple[str, str]] = set()
    for line in text.strip().splitlines():
        meaning, others = line.split(":")
        for other in others.split():
            pairs |= {(meaning.strip(), other), (other, meaning.strip())}
    return frozenset(pairs)


OPPOSITES = _read_opposites(_OPPOSITES)
"""Pairs of actions, both ways round, of which one is never meant by the other."""

_ACTIONS = """
    show find create add setup delete clean uninstall change replace stop kill start run copy clone
    fetch move rename download pull upload push publish undo reset restore backup export import save
    check test lint watch restart update compare archive compress extract connect switch convert
    enable disable install encrypt decrypt join split sort count format
"""
ACTIONS: frozenset[str] = frozenset(_ACTIONS.split())
"""Meanings that say what is to be done."""

_IGNORED = """
    a an the of in on at to for from by with and or as into onto over under within inside via per
    is are be been was were am will would can could should may might must shall
    they them their i me my we our us you your he it its this that these those there here
    do does did done doing have has had having
    if then else so but also just only than too very more most some any other another
    please want need like wish help use using command commands
    specific specified specify given certain particular various several multiple
    following such etc eg ie example way up down
    what which where who whom whose when why how about above below between through during before
    after again
    current currently able allow let
    named called name one same result across defined define
"""
IGNORED: frozenset[str] = frozenset(_IGNORED.split())
"""Words that tell nothing about what is asked. "Current" is where everything happens anyway."""
