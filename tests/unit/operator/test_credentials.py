"""The Secret for etcd: looked for in each namespace that has apps, on an API server in memory."""

from antiphon_operator.kube.secrets import KubeSecrets
from antiphon_operator.runtime.credentials import Credentials
from tests.apiserver import ApiServer, client_of, serving

NAME = "antiphon-etcd"


class Hands:
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = 100.0

    def monotonic(self):
        return self.at


def secret(namespace):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": namespace}}


async def test_what_is_missing_is_said_until_it_is_there():
    async with serving(ApiServer()) as api, client_of(api) as client:
        clock, changed, namespaces = Hands(), [], ["shop", "bank"]
        api.put(secret("bank"))
        made = Credentials(
            NAME, KubeSecrets(client), clock=clock, namespaces=lambda: namespaces, changed=changed.append
        )
        assert made.missing("shop") is None
        await made.look(NAME)
        assert (made.missing("shop"), made.missing("bank"), changed) == (NAME, None, ["shop"])
        api.put(secret("shop"))
        clock.at += 4
        await made.look(NAME)
        assert (made.missing("shop"), changed) == (None, ["shop", "shop"])


async def test_what_is_deleted_is_noticed_and_a_namespace_without_apps_forgotten():
    async with serving(ApiServer()) as api, client_of(api) as client:
        clock, namespaces = Hands(), ["shop"]
        api.put(secret("shop"))
        made = Credentials(
            NAME, KubeSecrets(client), clock=clock, namespaces=lambda: namespaces, changed=lambda _: None
        )
        await made.look(NAME)
        api.delete(secret("shop"))
        await made.look(NAME)
        assert made.missing("shop") is None
        clock.at += 31
        await made.look(NAME)
        assert made.missing("shop") == NAME
        namespaces.clear()
        await made.look(NAME)
        assert made.missing("shop") is None


async def test_an_api_server_that_does_not_answer_changes_nothing():
    class Broken:
        async def exists(self, namespace, name):
            raise TimeoutError

    made = Credentials(NAME, Broken(), clock=Hands(), namespaces=lambda: ["shop"], changed=lambda _: None)
    await made.look(NAME)
    assert made.missing("shop") is None


async def test_without_a_name_nothing_is_asked():
    made = Credentials(None, None, clock=Hands(), namespaces=lambda: ["shop"], changed=lambda _: None)
    await made.run()
    assert made.missing("shop") is None
