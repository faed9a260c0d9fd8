"""What is said about the codes of configuration and the command line."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

COMMAND_LINE = {
    codes.SETTING_INVALID: Explanation(
        seen="When a command or a host starts; exit code 2.",
        cause="A flag, an environment variable or a key of a file has a value that cannot be used.",
        fix="Give one of the values that the text accepts, at the place that it names.",
        example='unknown_app is "maybe" (environment variable ANTIPHON_UNKNOWN_APP); accepted: fail or wait.',
    ),
    codes.KEY_UNKNOWN: Explanation(
        seen="When a settings file or a file of apps is read; exit code 2.",
        cause="A key of a YAML file is one that nobody reads.",
        fix="Correct the key in the line that the text names.",
        example=(
            'antiphon.yaml, line 3: unknown key "storre"; the file knows: apps, common, namespace, store, version. '
            'Did you mean "store"? Correct or remove it.'
        ),
    ),
    codes.APP_ID_INVALID: Explanation(
        seen="When an app is added; exit code 2.",
        cause="The ID has a character that app IDs cannot have, is empty or too long.",
        fix='Choose 1 to 63 letters, digits, ".", "_" or "-".',
        example='"my app" has to be 1-63 letters, digits, ".", "_" or "-". Rename it.',
    ),
    codes.PORT_IN_USE: Explanation(
        seen="When a host opens its listeners.",
        cause="Another process listens on the port; the text names it where the system tells.",
        fix="End that process, or choose another port.",
        example=(
            'the gRPC listener of app "orders" was to listen on 127.0.0.1:50001, but process 4711 (python orders.py) '
            "does already. End that process, or choose another port."
        ),
    ),
    codes.HOST_NOT_FOUND: Explanation(
        seen="When a command looks for the host it is to ask.",
        cause="No process of this machine serves that store, or it has just ended.",
        fix="Start one, or name the store that it runs with.",
        example=(
            "nothing runs on this machine with the store sqlite:///state.db (no process listens on "
            "/srv/state.db.sock). Start it with: antiphon dev --store sqlite:///state.db\nIf it runs with another "
            "store, name that one with --store or ANTIPHON_STORE. A sidecar elsewhere is asked with --address "
            "HOST:PORT."
        ),
    ),
    codes.INPUT_INVALID: Explanation(
        seen="When a command reads an input; exit code 2.",
        cause="The input is not JSON, or its file cannot be read.",
        fix="Correct it at the line and column that the text names; a text needs double quotes.",
        example="--input is not JSON: Expecting value at line 1, column 7. Correct it there.",
    ),
    codes.TLS_MISMATCH: Explanation(
        seen="When a command connects to a sidecar at an address.",
        cause="One side speaks TLS and the other does not, or one does not accept the certificate of the other.",
        fix="Give --ca-file, --cert-file and --key-file of the authority that issued the sidecars' own.",
        example="10.0.0.7:50002 speaks TLS. Give --ca-file, --cert-file and --key-file.",
    ),
    codes.ADDRESS_MISTAKEN: Explanation(
        seen="When a command connects to an address.",
        cause="Something listens there, but not a sidecar's peer port: often it is the port for the sidecar's own app.",
        fix="Give the peer port, 50002 unless the sidecar was told another one.",
        example=(
            "10.0.0.7:50001 is where a sidecar's own app connects. Give the peer port of a sidecar, 50002 unless it was"
            " told another one."
        ),
    ),
    codes.REPLICA_SILENT: Explanation(
        seen="By `antiphon check`.",
        cause="A replica is in the registry, but does not answer others: it has just died, is stopped, or is cut off.",
        fix="Nothing, when it died: others take over within a lease. Else look at its log and at the network.",
        example=(
            "replica orders-4f1 of orders is registered at 10.0.0.7:50002, and did not answer within 2 s. If it has "
            "died, others take over when its lease has run out; if not, look at its log and at the network."
        ),
    ),
    codes.STORE_TOO_OLD: Explanation(
        seen="When a command reads a store that no process serves.",
        cause="An older release wrote the store, and a command that only looks does not change its schema.",
        fix="Start a sidecar or host of this release once, or look with the release that wrote it.",
        example=(
            "/srv/state.db has schema 3, this release reads schema 6. Start a host of this release on it once, which "
            "brings it up to date, or look with the release that wrote it."
        ),
    ),
    codes.SIDECAR_NOT_FOUND: Explanation(
        seen="By `kubectl antiphon`; exit code 1.",
        cause="No pod of the namespace has a sidecar that is ready, and it is a sidecar that answers.",
        fix="Start a pod of any app of the namespace, or name another namespace with -n.",
        example=(
            'no pod in namespace "shop" (context kind) has a sidecar, so that nobody can be asked. Start a pod with '
            'the label antiphon.dev/inject: "true" there, or name another namespace with -n.'
        ),
    ),
    codes.CLUSTER_REFUSED: Explanation(
        seen="By `kubectl antiphon`; exit code 1.",
        cause="The API server is not reached, or your user may not list pods or forward their ports.",
        fix="Check the context; have yourself given the rights to list pods and to create pods/portforward.",
        example=(
            'context kind may not list pods of namespace "shop". Check with kubectl auth can-i: it takes the rights to '
            "list pods and to create pods/portforward."
        ),
    ),
    codes.EXTRA_MISSING: Explanation(
        seen="By `kubectl antiphon`; exit code 2.",
        cause="Antiphon was installed without the extra that the command needs.",
        fix="Install the extra that the text names.",
        example=(
            "`kubectl antiphon` needs the package kubernetes, which is not installed. Run: pip install "
            "'antiphon[kubectl]'"
        ),
    ),
    codes.CODE_UNKNOWN: Explanation(
        seen="By `antiphon explain`; exit code 2.",
        cause="No error of this release has the code or name.",
        fix="Look it up in docs/errors.md.",
        example='"AN119" is no code and no name of an error. Did you mean "AN109"? Look it up in docs/errors.md.',
    ),
}
