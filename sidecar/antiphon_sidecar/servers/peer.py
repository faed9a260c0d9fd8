"""The peer port: what other replicas send, after they have said who they are and whom they mean."""

import logging
from collections.abc import AsyncIterator, Mapping

import grpc

from antiphon_names import errors as codes
from antiphon_names import registry
from antiphon_proto.v1 import peer_pb2 as pb
from antiphon_sidecar.peers.grpc import GrpcPeers
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import Context, Streaming, Unary

logger = logging.getLogger(__name__)


class PeerService:
    """Serves the links of other replicas to this one."""

    def __init__(self, peers: GrpcPeers) -> None:
        self._peers = peers

    def implementations(self) -> Mapping[str, Unary | Streaming]:
        """Return the calls by method name."""
        return {"Link": self.link}

    async def link(self, batches: AsyncIterator[pb.PeerBatch], context: Context) -> AsyncIterator[pb.PeerBatch]:
        """Take what a replica sends until it leaves."""
        sender = ""
        async for batch in batches:
            if not sender:
                sender = self._greeted(batch.hello)
                yield self._peers.me.hello(to=sender)
            self._peers.received(sender, batch)

    def _greeted(self, hello: pb.PeerHello) -> str:
        """Return the sender's replica ID.

        Raises:
            Rejected: it means somebody else, or speaks no protocol in common.
        """
        me = self._peers.me
        if (hello.namespace, hello.to_replica_id) != (me.namespace, me.replica):
            raise Rejected(
                grpc.StatusCode.FAILED_PRECONDITION,
                codes.PEER_MISTAKEN,
                f'"{hello.replica_id}" means replica "{hello.to_replica_id}" of namespace "{hello.namespace}", but '
                f'this is "{me.replica}" of "{me.namespace}". Its view will be right as soon as etcd tells it.',
            )
        if hello.protocol < registry.OLDEST_PROTOCOL or hello.oldest_protocol > registry.PROTOCOL:
            raise Rejected(
                grpc.StatusCode.FAILED_PRECONDITION,
                codes.PEER_TOO_DIFFERENT,
                f'"{hello.replica_id}" ({hello.app_id}) speaks protocols {hello.oldest_protocol} to {hello.protocol}, '
                f"this replica {registry.OLDEST_PROTOCOL} to {registry.PROTOCOL}. Upgrade one release at a time.",
            )
        logger.debug("a replica is linked", extra={"replica": hello.replica_id})
        return hello.replica_id
