"""Events from Aredvi's log: CloudEvents in Kafka's binary mode, read from positions that the caller keeps.

There is no consumer group: partitions are assigned by hand, so nobody else's restart moves or resets anything here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

BATCH_EVENTS = 500
WAIT_S = 0.5
ANSWER_LIMIT_S = 10

Partition = tuple[str, int]


@dataclass(frozen=True)
class Event:
    partition: Partition
    offset: int
    id: str  # ce_id: the same id again is the same event again
    type: str  # ce_type: note.added
    version: int  # of its shape, the end of ce_dataschema
    time: str  # ce_time: 2026-11-22T23:20:38.114Z
    key: str
    data: dict


class Log:
    """The topics of a journal, `kafka://HOST:PORT[,…][/PREFIX]` as Aredvi's own processes name it."""

    def __init__(self, url: str, topics: list[str]):
        parts = urlsplit(url)
        if parts.scheme != "kafka":
            raise SystemExit(f"expected kafka://HOST:PORT[/PREFIX], not {url}")
        self._prefix = parts.path.strip("/")
        self._topics = topics
        self._consumer = Consumer(
            {
                "bootstrap.servers": parts.netloc,
                "group.id": "none",  # the client asks for one; it is never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",  # a position outside of the log is a fault, never a reason to begin anew
            }
        )

    def batches(self, positions: dict[Partition, int], until_end: bool) -> Iterator[list[Event]]:
        """Yields what follows `positions` (the next offset of each partition), in the log's order within a partition.

        With `until_end` it ends when every partition was read to its end; otherwise never.
        """
        waiting = set(self._partitions())
        self._consumer.assign(
            [
                TopicPartition(self._full_name(topic), number, positions.get((topic, number), OFFSET_BEGINNING))
                for topic, number in waiting
            ]
        )
        while waiting or not until_end:
            events = []
            for message in self._consumer.consume(BATCH_EVENTS, WAIT_S):
                error = message.error()
                if error is None:
                    events.append(self._event(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(self._partition(message))
                elif not error.retriable():
                    raise KafkaException(error)
            if events:
                yield events

    def close(self) -> None:
        self._consumer.close()

    def _partitions(self) -> list[Partition]:
        found = self._consumer.list_topics(timeout=ANSWER_LIMIT_S).topics
        missing = [topic for topic in self._topics if self._full_name(topic) not in found]
        if missing:
            raise SystemExit(f"the log has no topics {missing}; is its prefix right?")
        return [(topic, number) for topic in self._topics for number in found[self._full_name(topic)].partitions]

    def _full_name(self, topic: str) -> str:
        return f"{self._prefix}.{topic}" if self._prefix else topic

    def _partition(self, message: Message) -> Partition:
        return message.topic().removeprefix(f"{self._prefix}."), message.partition()

    def _event(self, message: Message) -> Event:
        headers = {name: value.decode() for name, value in message.headers()}
        return Event(
            partition=self._partition(message),
            offset=message.offset(),
            id=headers["ce_id"],
            type=headers["ce_type"],
            version=int(headers["ce_dataschema"].rsplit(":", 1)[1]),
            time=headers["ce_time"],
            key=message.key().decode(),
            data=json.loads(message.value()),
        )
