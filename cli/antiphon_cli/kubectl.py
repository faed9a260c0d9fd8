"""`kubectl antiphon`: the commands that ask, through a pod of a namespace.

The peer port of one ready sidecar is forwarded, as `kubectl port-forward` does, and the commands are told its address:
any sidecar answers for all apps of its namespace. Needs the package `kubernetes`, which the extra `kubectl` brings.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import click

from antiphon_cli import forwarding
from antiphon_cli.addresses import PEER_PORT
from antiphon_cli.apps import apps
from antiphon_cli.failures import Misused, Refused, Unreachable
from antiphon_cli.main import version
from antiphon_cli.reasons import explain, why
from antiphon_cli.workflows import workflow
from antiphon_names import errors as codes
from antiphon_names import labels

#: Options that stand anywhere on the line, as with kubectl itself.
_ANYWHERE = {
    "-n": "--namespace",
    **{name: name for name in ("--namespace", "--context", "--kubeconfig")},
}
#: Commands that ask nobody.
_ALONE = frozenset(("explain", "version"))
_REQUEST_S = 10.0
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with a sidecar; `ready`: it can be asked."""

    name: str
    port: int
    ready: bool


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-n", "--namespace", metavar="NAME", help="Namespace; default: that of the kubeconfig's context.")
@click.option("--context", "cluster", metavar="NAME", help="Context of the kubeconfig; default: the current one.")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig; KUBECONFIG says the same.")
@click.pass_context
def plugin(context: click.Context, *, namespace: str | None, cluster: str | None, kubeconfig: str | None) -> None:
    """Look at the instances of a namespace's apps and steer them, through a sidecar of one of its pods.

    It takes what `antiphon` takes, but for the options that say whom to ask. -n, --context and --kubeconfig may stand
    anywhere on the line.
    """
    if context.invoked_subcommand in _ALONE or context.obj:
        return
    found = _Cluster(kubeconfig, cluster)
    wanted = namespace or found.namespace
    stack = context.with_resource(ExitStack())
    address = stack.enter_context(forwarding.forwarded(found.to_sidecar(wanted)))
    os.environ |= {"ANTIPHON_ADDRESS": address, "ANTIPHON_NAMESPACE": wanted}
    for name in ("ANTIPHON_STORE", "ANTIPHON_STORE_FILE", "ANTIPHON_CONFIG"):
        # Of this machine's sidecars, which are not meant.
        os.environ.pop(name, None)


for command in (apps, explain, version, why, workflow):
    plugin.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `kubectl antiphon` with its arguments."""
    given = sys.argv[1:] if arguments is None else arguments
    wants_help = not {"-h", "--help"}.isdisjoint(given)
    plugin(args=in_front(given), prog_name="kubectl antiphon", obj=wants_help)


def in_front(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the options that stand anywhere in front."""
    front: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            return [*front, *rest, argument, *left]
        name, equals, value = argument.partition("=")
        if name not in _ANYWHERE:
            rest.append(argument)
        elif equals:
            front += [_ANYWHERE[name], value]
        else:
            front += [_ANYWHERE[name], *left[:1]]
            del left[:1]
    return [*front, *rest]


class _Cluster:
    """A cluster, by a kubeconfig."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        """Read the kubeconfig; nothing is asked of the API server yet.

        Raises:
            Misused: it cannot be used, or the package `kubernetes` is missing.
        """
        try:
            from kubernetes import client, config, stream
        except ImportError as error:
            raise Misused(
                f"{codes.EXTRA_MISSING}: `kubectl antiphon` needs the package kubernetes, which is not installed. Run: "
                "pip install 'antiphon[kubectl]'"
            ) from error
        try:
            contexts, current = config.list_kube_config_contexts(kubeconfig)
            found = next((each for each in contexts if each["name"] == context), None) if context else current
            if found is None:
                names = [each["name"] for each in contexts]
                raise Misused(
                    f'{codes.SETTING_INVALID}: the kubeconfig has no context "{context}"; it has '
                    f"{codes.listing(names)}.{codes.nearest(context or '', names)} Name one of these."
                )
            settings = client.Configuration()
            config.load_kube_config(kubeconfig, context=context, client_configuration=settings)
        except config.ConfigException as error:
            raise Misused(f"{codes.SETTING_INVALID}: no kubeconfig can be used: {error} Set KUBECONFIG.") from error
        self._core = client.CoreV1Api(client.ApiClient(settings))
        self._portforward = stream.portforward
        self._refused = client.exceptions.ApiException
        self._place = found["name"]
        # While a stream is opened, the client is changed.
        self._opening = threading.Lock()
        self.namespace: str = found["context"].get("namespace") or "default"

    def to_sidecar(self, namespace: str) -> Callable[[], forwarding.Stream]:
        """Return what connects to the peer port of a ready sidecar.

        Raises:
            Unreachable: none is there, or the API server does not answer.
            Refused: the API server refuses.
        """
        pod = chosen(self._pods(namespace), namespace=namespace, place=self._place)
        return lambda: self._connect(namespace, pod)

    def _pods(self, namespace: str) -> list[Pod]:
        def ask() -> Any:  # noqa: ANN401  (the client has no types)
            selector = f"{labels.INJECTED}=true"
            return self._core.list_namespaced_pod(namespace, label_selector=selector, _request_timeout=_REQUEST_S)

        return [_pod(each) for each in self._asked(ask, f'list pods of namespace "{namespace}"').items]

    def _connect(self, namespace: str, pod: Pod) -> forwarding.Stream:
        def ask() -> Any:  # noqa: ANN401  (the client has no types)
            with self._opening:
                return self._portforward(
                    self._core.connect_get_namespaced_pod_portforward, pod.name, namespace, ports=str(pod.port)
                )

        tunnel = self._asked(ask, f'forward a port of pod "{pod.name}"')
        found: forwarding.Stream = tunnel.socket(pod.port)
        return found

    def _asked(self, ask: Callable[[], Any], what: str) -> Any:  # noqa: ANN401  (the client has no types)
        try:
            return ask()
        except self._refused as error:
            if error.status == _FORBIDDEN:
                raise Refused(
                    f"{codes.CLUSTER_REFUSED}: context {self._place} may not {what}. Check with kubectl auth can-i: it "
                    "takes the rights to list pods and to create pods/portforward."
                ) from error
            raise Unreachable(f"{codes.CLUSTER_REFUSED}: the API server refused to {what}: {error.reason}") from error
        except Exception as error:
            # urllib3's errors, for all that can be wrong with a connection; its own text is long and says little.
            raise Unreachable(
                f"{codes.CLUSTER_REFUSED}: the API server of context {self._place} does not answer "
                f"({type(error).__name__}). Check the context, and that the cluster can be reached from here."
            ) from error


def chosen(pods: Sequence[Pod], *, namespace: str, place: str) -> Pod:
    """Return a pod that can be asked.

    Raises:
        Unreachable: there is none.
    """
    ready = next((pod for pod in sorted(pods, key=lambda pod: pod.name) if pod.ready), None)
    if ready is not None:
        return ready
    where = f'namespace "{namespace}" (context {place})'
    if pods:
        names = codes.listing(pod.name for pod in pods)
        raise Unreachable(
            f"{codes.SIDECAR_NOT_FOUND}: no sidecar in {where} is ready; pods with a sidecar: {names}. See "
            f"kubectl -n {namespace} logs POD -c {labels.SIDECAR_CONTAINER}."
        )
    raise Unreachable(
        f"{codes.SIDECAR_NOT_FOUND}: no pod in {where} has a sidecar, so that nobody can be asked. Start a pod with "
        f'the label {labels.INJECT}: "true" there, or name another namespace with -n.'
    )


def _pod(found: Any) -> Pod:  # noqa: ANN401  (the client has no types)
    statuses = [*(found.status.init_container_statuses or ()), *(found.status.container_statuses or ())]
    ready = any(each.name == labels.SIDECAR_CONTAINER and each.ready for each in statuses)
    return Pod(found.metadata.name, _port(found), ready and found.metadata.deletion_timestamp is None)


def _port(found: Any) -> int:  # noqa: ANN401  (the client has no types)
    for container in (*(found.spec.init_containers or ()), *found.spec.containers):
        for port in (container.ports or ()) if container.name == labels.SIDECAR_CONTAINER else ():
            if port.name == labels.PEER_PORT_NAME:
                return int(port.container_port)
    return PEER_PORT


if __name__ == "__main__":
    main()
