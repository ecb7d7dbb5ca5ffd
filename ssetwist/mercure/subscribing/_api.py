"""
The subscription API: ``GET`` below the hub's URL (section 12 of the checklist).
"""

from dataclasses import dataclass

from twisted.web.server import Request

from ...errors import Refused
from ...hub import Hub
from ...web.opening import header_of
from ..access import Authorizer, HttpAnswer, json_answer
from ..discovery import link
from ..rights import Action
from ..settings import MercureSettings
from ._active import ActiveSubscriptions
from ._etag import etag, is_current
from ._path import SubscriptionQuery, read_path
from ._subscriptions import JSON, JSON_LD, collection, single


@dataclass(frozen=True, slots=True)
class SubscriptionApi:
    """
    Lists the active subscriptions for clients with the right to see them.
    """

    hub: Hub
    authorizer: Authorizer
    settings: MercureSettings
    active: ActiveSubscriptions

    async def answer(self, request: Request, path: str) -> HttpAnswer:
        """
        Answer a request.

        :param path: The path as clients know it, still encoded.
        :raises Refused: If the client may not see this, or the path is wrong.
        """
        if not self.settings.has_subscriptions:
            raise Refused(404, "This hub does not list its subscriptions.")
        rights = await self.authorizer.authorize(request, Action.SUBSCRIBE)
        if not rights.identity:  # anonymous clients never may, whatever else they may see (N10)
            raise Refused(401, "A token is needed.", error="", reason="the request has no token")
        wanted = read_path(
            path,
            self.settings.path,
            has_legacy=self.settings.is_legacy_allowed,
            prefers_legacy=rights.is_legacy,
        )
        query = request.uri.partition(b"?")[2].decode("latin-1")
        granted = f"{path}?{query}" if rights.is_legacy and query else path  # N6, Z7
        if not await self.hub.streams.turns.do(rights.subscribe.matching((granted,))):
            # Without the query, which may have the token.
            where = f"{path[:200]!r}{' with its query' if granted != path else ''}"
            raise rights.refusal(f"it does not grant subscribing to {where}")
        return self._describe(wanted, header_of(request, b"If-None-Match"))

    def _describe(self, wanted: SubscriptionQuery, if_none_match: str | None) -> HttpAnswer:
        last_event_id = self.hub.last_event_id
        headers = {
            "Link": link(
                self.settings.url or self.settings.path,
                last_event_id=last_event_id,
                type="mercure",
                content_type=JSON,
            )
        }
        one = next(filter(wanted.includes, self.active.of(wanted.subscriber or "")), None)
        if one is None and wanted.subscriber is not None:
            headers["Cache-Control"] = "no-store"
            return HttpAnswer(404, b"This subscription does not exist.\n", headers=headers)
        tag = etag(last_event_id)
        headers |= {"ETag": tag, "Cache-Control": "private, must-revalidate"}
        if is_current(if_none_match, tag):
            return HttpAnswer(304, headers=headers)
        media_type, hub_path = JSON_LD if wanted.is_legacy else JSON, self.settings.path
        if one is not None:
            document = single(one, hub_path, last_event_id=last_event_id)
            return json_answer(document, media_type, headers)
        pieces = collection(
            wanted.path,
            (one if wanted.includes(one) else None for one in self.active),
            hub_path,
            is_legacy=wanted.is_legacy,
            last_event_id=last_event_id,
        )
        return HttpAnswer(200, pieces, media_type, headers)
