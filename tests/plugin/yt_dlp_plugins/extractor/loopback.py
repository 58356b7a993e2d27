"""A plugin for yt-dlp, for tests alone: a platform on this machine with a search of its own, found where PYTHONPATH leads.

Like the extractors of large platforms it asks an interface that answers in JSON, and passes on what that says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from yt_dlp.extractor.common import InfoExtractor, SearchInfoExtractor
from yt_dlp.utils import ExtractorError, urlencode_postdata


class LoopbackIE(InfoExtractor):
    """`/watch/<id>`: what `/api/<id>.json` tells of it, or the error that it gives."""

    IE_NAME = "loopback"
    _RETURN_TYPE = "video"
    _VALID_URL = r"(?P<site>http://(?:127\.0\.0\.1:\d+|[a-z]+\.example))/watch/(?P<id>[^/?#]+)"

    def _real_extract(self, url: str) -> dict[str, Any]:
        site, name = self._match_valid_url(url).group("site", "id")
        told = self._download_json(f"{site}/api/{name}.json", name)
        if "error" in told:
            raise ExtractorError(told["error"], expected=True)
        return {"id": name, **told}


class LoopbackSearchIE(SearchInfoExtractor):
    """`loopbacksearch5:words`: what `/search` of the platform at LOOPBACK_SITE answers, page by page."""

    IE_NAME = "loopback:search"
    _SEARCH_KEY = "loopbacksearch"

    def _search_results(self, query: str) -> Iterator[dict[str, Any]]:
        words = urlencode_postdata({"q": query}).decode()
        for found in self._download_json(f"{os.environ['LOOPBACK_SITE']}/search?{words}", query):
            yield {"_type": "url", "ie_key": LoopbackIE.ie_key(), **found}
