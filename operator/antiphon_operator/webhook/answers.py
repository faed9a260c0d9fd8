"""From an admission request to its answer: asks the pure parts with what the cache knows, and counts what they say."""

import asyncio
import logging
from typing import Protocol

from antiphon_operator.injection import Injected, InjectionSettings, Known, LeftAlone, Outcome, Refused, Unconcerned
from antiphon_operator.injection import inject as injected
from antiphon_operator.validation import check
from antiphon_operator.webhook.metrics import Metrics
from antiphon_operator.webhook.reviews import Answer, Request

logger = logging.getLogger(__name__)

#: How long a pod waits for a resource that was created just before it.
NEWS_S = 1.0
#: Of a pod in a namespace that asks for sidecars these are worth a word to whoever creates it.
_SURPRISING = (Unconcerned.HOST_NETWORK, Unconcerned.WINDOWS, Unconcerned.OWN_SIDECAR)


class Knowledge(Protocol):
    """What is known of each namespace."""

    def known(self, namespace: str) -> Known:
        """Return what is known of a namespace now."""
        ...

    async def news(self, namespace: str, *, after: Known, within_s: float) -> Known | None:
        """Wait for something else to be known of a namespace; None when nothing comes in time."""
        ...


class Answers:
    """Answers admission requests."""

    def __init__(
        self, knowledge: Knowledge, *, settings: InjectionSettings, metrics: Metrics, news_s: float = NEWS_S
    ) -> None:
        self._knowledge = knowledge
        self._settings = settings
        self._metrics = metrics
        self._news_s = news_s

    async def pod(self, request: Request) -> Answer:
        """Return what becomes of a pod."""
        outcome = await self._outcome(request)
        fields = {"namespace": request.namespace, "pod": request.name, "dry_run": request.dry_run}
        match outcome:
            case Injected(app_id=app_id, patch=patch, warnings=warnings):
                logger.info("a pod gets a sidecar", extra={**fields, "app": app_id})
                self._metrics.counted(request.resource, "injected", "")
                return Answer(patch, warnings=warnings, notes={"outcome": "Injected", "app": app_id})
            case LeftAlone(reason=reason, detail=detail):
                self._metrics.counted(request.resource, "left_alone", reason)
                logger.debug("a pod is left alone", extra={**fields, "reason": reason})
                told = [f"pod {request.name} gets no sidecar: {detail}"] if reason in _SURPRISING else []
                return Answer(warnings=told, notes={"outcome": reason})
            case Refused(code=code, message=message):
                logger.warning("a pod is refused", extra={**fields, "reason": code.name, "text": message})
                self._metrics.counted(request.resource, "refused", code.name)
                return Answer(message=message, notes={"outcome": code.name})

    async def resource(self, request: Request) -> Answer:
        """Return whether one of our resources is taken."""
        # In a thread: an input is held against a schema that somebody wrote, which can take a while.
        verdict = await asyncio.to_thread(
            check, request.resource, request.found, old=request.old, known=self._knowledge.known(request.namespace)
        )
        if not verdict.problems:
            self._metrics.counted(request.resource, "warned" if verdict.warnings else "allowed", "")
            return Answer(warnings=verdict.warnings)
        for problem in verdict.problems:
            self._metrics.counted(request.resource, "refused", problem.code.name)
        message = " ".join(problem.message for problem in verdict.problems)
        fields = {"namespace": request.namespace, "object": request.name, "resource": request.resource}
        logger.info("a resource is refused", extra={**fields, "text": message})
        return Answer(message=message, warnings=verdict.warnings)

    async def _outcome(self, request: Request) -> Outcome:
        """Decide, and again when something is learned soon after a refusal that it may mend.

        Who applies an AppRegistration and a pod together sends them one right after the other; the first may arrive
        here by its watch a moment later than the second.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._news_s
        known = self._knowledge.known(request.namespace)
        while True:
            outcome = injected(
                request.found,
                namespace=request.namespace,
                known=known,
                settings=self._settings,
                operation=request.operation,
            )
            left_s = deadline - clock()
            if not (isinstance(outcome, Refused) and outcome.may_mend) or left_s <= 0:
                return outcome
            newer = await self._knowledge.news(request.namespace, after=known, within_s=left_s)
            if newer is None:
                return outcome
            known = newer
