#!/usr/bin/env python3
"""An archive of a community's public notes, kept by a consumer of Aredvi's log: searched by word, counted by day."""

import argparse
import csv
import os
import sys

from log import Event, Log
from seals import Seals, Wanted
from store import Store

TOPICS = ["actors", "media"]
# The sealed fields that the archive wants opened, by type of event.
SEALED = {
    "person.registered": ["username", "name"],
    "handle.changed": ["username"],
    "profile.changed": ["name"],
    "note.added": ["body"],
    "note.edited": ["body"],
}
# The version of each shape that it knows: a break of a shape is a new one.
KNOWN_VERSION = 1


def follow(log: Log, seals: Seals, store: Store, until_end: bool) -> int:
    """Applies what happened since the last time; how many events that was."""
    count = 0
    for events in log.batches(store.positions(), until_end):
        store.apply(events, opened(events, seals))
        count += len(events)
    return count


def opened(events: list[Event], seals: Seals) -> dict[tuple[str, str], str | None]:
    names: list[tuple[str, str]] = []
    wanted: list[Wanted] = []
    for event in events:
        if event.type in SEALED and event.version != KNOWN_VERSION:
            raise SystemExit(f"{event.type} has version {event.version}; this archive knows {KNOWN_VERSION}")
        for field in SEALED.get(event.type, []):
            if event.data[field] is not None:
                names.append((event.id, field))
                wanted.append((event.id, event.data[field]))
    return dict(zip(names, seals.open(wanted), strict=True))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default="notes.db", help="the archive's file (default: notes.db)")
    commands = parser.add_subparsers(dest="command", required=True)
    following = commands.add_parser("follow", help="read the log, from where the archive is")
    following.add_argument("--until-end", action="store_true", help="end at the log's end")
    following.add_argument("--log", default=os.environ.get("AREDVI_JOURNAL"), help="kafka://HOST:PORT[/PREFIX] (AREDVI_JOURNAL)")
    following.add_argument("--admin", default=os.environ.get("AREDVI_ADMIN_URL"), help="the admin API's address (AREDVI_ADMIN_URL)")
    commands.add_parser("search", help="public notes with these words, as CSV").add_argument("words")
    commands.add_parser("days", help="public notes a day, as CSV")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    store = Store(asked.store)
    table = csv.writer(sys.stdout)
    match asked.command:
        case "follow":
            # In the environment alone: everybody on the machine can read a command line.
            token = os.environ.get("AREDVI_SERVICE_TOKEN")
            if not (asked.log and asked.admin and token):
                raise SystemExit("--log, --admin and AREDVI_SERVICE_TOKEN are needed: see README.md")
            log = Log(asked.log, TOPICS)
            try:
                print(f"{follow(log, Seals(asked.admin, token), store, asked.until_end)} events")
            except KeyboardInterrupt:
                pass
            finally:
                log.close()
        case "search":
            table.writerow(["at", "author", "note"])
            table.writerows(store.search(asked.words))
        case "days":
            table.writerow(["day", "notes", "people"])
            table.writerows(store.days())
    store.close()


if __name__ == "__main__":
    main()
