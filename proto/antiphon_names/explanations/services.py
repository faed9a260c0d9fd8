"""What is said about the codes of what sidecars stand on: the state store, and how they find and trust each other."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

STORE = {
    codes.STORE_UNREACHABLE: Explanation(
        seen="When a host starts, in its log, and as a refused request.",
        cause="The database server or the disk does not answer.",
        fix="Bring it back; a host that runs goes on by itself then, and has acknowledged nothing meanwhile.",
        example=(
            "PostgreSQL at db:5432/antiphon does not answer: [Errno 111] Connection refused. Nothing was applied. "
            "Start the server, or mend the network between; if it is elsewhere, correct the store's URL."
        ),
    ),
    codes.STORE_TOO_NEW: Explanation(
        seen="When a host starts.",
        cause="A newer release has written the store; this one changed nothing.",
        fix="Run the newer release, or name another file or schema.",
        example=(
            "/srv/state.db has schema 9, this release knows schemas up to 4; nothing was changed. Run the newer "
            "release, or name another file."
        ),
    ),
    codes.STORE_DAMAGED: Explanation(
        seen="When a host starts, or when a damaged page is met.",
        cause="The file or schema is another program's, or its pages do not fit together.",
        fix="Put a backup in its place, or name another file.",
        example=(
            "/srv/state.db is damaged or no SQLite file (file is not a database). Put a backup in its place, or move "
            "the file and its -wal and -shm away to begin with an empty store."
        ),
    ),
    codes.STORE_NOT_WRITABLE: Explanation(
        seen="When a host starts.",
        cause="The user that runs the host lacks rights.",
        fix="Give this user write access to the file and its folder, or the rights that the text names.",
        example=(
            "/srv/state.db cannot be opened for writing (attempt to write a readonly database). This user needs "
            "write access to the file and to the folder /srv."
        ),
    ),
    codes.STORE_URL_INVALID: Explanation(
        seen="When a command or a host reads where the store is.",
        cause="The URL names no kind of store.",
        fix="Use sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
        example='"mysql://db/antiphon" names no kind of store. Use sqlite:///FILE or postgresql://USER@HOST/DATABASE.',
    ),
    codes.STORE_FULL: Explanation(
        seen="In the host's log and as a refused request.",
        cause="The disk or the database has no space left.",
        fix="Make space; work goes on by itself then.",
        example=(
            "no space is left for /srv/state.db (database or disk is full). Make space; work goes on by itself then."
        ),
    ),
}

COORDINATION = {
    codes.HOST_RUNNING: Explanation(
        seen="When a host starts.",
        cause="Another process serves the same store.",
        fix="Join it with `antiphon run --app APP -- COMMAND`, end it, or choose another store.",
        example=(
            "process 4711 on this machine already holds the store sqlite:///state.db. Join it (its socket is "
            "/srv/state.db.sock), end it, or choose another store."
        ),
    ),
    codes.ETCD_UNREACHABLE: Explanation(
        seen="In a sidecar's log, and where `antiphon why` is asked.",
        cause="Calls to etcd fail; what this replica owns stays its own, and nothing new is claimed.",
        fix="Bring etcd back; work goes on by itself, and went on meanwhile for all that had an owner.",
        example=(
            "etcd has not answered this sidecar since 2026-11-26T10:41:03Z. What is told of other replicas is as it "
            "was then. Owners go on; partitions of replicas that die are not taken until etcd answers. Bring it back, "
            "or mend the network between."
        ),
    ),
    codes.PEER_MISTAKEN: Explanation(
        seen="In the log of a sidecar, for a moment.",
        cause="An address was given to another replica, and the caller has not heard of it yet.",
        fix="Nothing: the caller's view will be right as soon as etcd tells it.",
        example=(
            '"orders-1" means replica "payments-1" of namespace "default", but this is "payments-2" of "default". Its '
            "view will be right as soon as etcd tells it."
        ),
    ),
    codes.PEER_TOO_DIFFERENT: Explanation(
        seen="In the log of a sidecar.",
        cause="Two replicas run releases that are too far apart.",
        fix="Upgrade one release at a time.",
        example=('"orders-1" (orders) speaks protocols 3 to 4, this replica 1 to 2. Upgrade one release at a time.'),
    ),
    codes.HOLDER_GONE: Explanation(
        seen="As an answer to an app whose sidecar forwards to another process of its machine.",
        cause="The process that held the store was ended or killed while the call was under way.",
        fix="Look whether it was done, or send it again; another process has taken the store over by then.",
        example=(
            "the process of this machine that held the store ended before it answered. Whether this was done is not "
            "known: look, or ask again."
        ),
    ),
    codes.REPLICA_APART: Explanation(
        seen="In the log of a sidecar, and in its metric `antiphon_replica_apart`.",
        cause="A database was copied, and sidecars of one namespace use the original and the copy.",
        fix="Give all sidecars of the namespace one database; give a copy that is to be used elsewhere its own etcd or "
        "namespace.",
        example=(
            'replica "payments-1" says that it is on the store 5f0c1e9a, as "orders-1" is, but its row is not here: '
            "one of their databases is a copy of the other. Calls between them are refused. Give all sidecars of the "
            "namespace one database, or the copy's sidecars another namespace."
        ),
    ),
    codes.START_NOT_ADMITTED: Explanation(
        seen="As a refused start, and as the failure of a child workflow or of one that starts another.",
        cause="The operator admits no new instances of the workflow: its contract is broken, or somebody suspended it.",
        fix="Correct what the conditions of its Workflow resource report. Instances that run go on meanwhile.",
        example=(
            'workflow "ship" of app "shipping" takes no new instances now (TargetsRegistered: payments offers no '
            '"charge"). Those that run go on. Correct what its Workflow resource reports, then start it again.'
        ),
    ),
    codes.PARTITION_LOST: Explanation(
        seen="As a refused request.",
        cause="Another replica owns the instance now.",
        fix="Try again; the request goes to the new owner.",
        reserved=True,
    ),
}
