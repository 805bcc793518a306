"""Opens sealed texts through Aredvi's admin API, many at a time."""

import json
import time
import urllib.error
import urllib.request

# What the API takes at once; it refuses more.
MAX_SEALS = 500
MAX_BYTES = 4 * 1024 * 1024
TRIES = 10
ANSWER_LIMIT_S = 30

# A seal with the event that carries it: it opens for no other.
Wanted = tuple[str, dict]


class Seals:
    def __init__(self, admin_url: str, token: str):
        self._url = f"{admin_url.rstrip('/')}/v1/admin/seals/open"
        self._token = token

    def open(self, wanted: list[Wanted]) -> list[str | None]:
        """The text in each seal, in the same order; None where its actor is erased."""
        texts = []
        for some in _portions(wanted):
            for item in self._ask(some):
                if "error" in item:
                    raise RuntimeError(f"a seal does not open: {item['error']}")
                texts.append(item.get("text"))
        return texts

    def _ask(self, wanted: list[Wanted]) -> list[dict]:
        items = [{"event_id": event, "sealed": sealed} for event, sealed in wanted]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps({"items": items}).encode(), headers)
        for left in reversed(range(TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:
                    return json.load(answer)["items"]
            except urllib.error.HTTPError as refused:
                if refused.code != 503 or left == 0:
                    raise RuntimeError(f"{self._url}: {refused.code} {refused.read().decode()}") from None
                time.sleep(int(refused.headers.get("Retry-After", "1")))
        raise AssertionError("not reached")


def _portions(wanted: list[Wanted]):
    portion, size = [], 0
    for event, sealed in wanted:
        length = len(sealed["b"])
        if portion and (len(portion) == MAX_SEALS or size + length > MAX_BYTES):
            yield portion
            portion, size = [], 0
        portion.append((event, sealed))
        size += length
    if portion:
        yield portion
