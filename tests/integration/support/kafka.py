"""Kafka from outside: kcat reads topics and records; one request of the protocol, by hand, deletes a topic."""

import json
import socket
import struct
import subprocess

DELETE_TOPICS, VERSION, TIMEOUT_MS = 20, 1, 20000


def _string(text):
    return struct.pack(">h", len(text)) + text.encode()


def delete_topic(stack, topic):
    """Deletes <topic>; returns when the broker says that it is done."""
    host, port = stack.brokers.split(":")
    header = struct.pack(">hhi", DELETE_TOPICS, VERSION, 1) + _string("tests")
    body = struct.pack(">i", 1) + _string(topic) + struct.pack(">i", TIMEOUT_MS)
    with socket.create_connection((host, int(port)), TIMEOUT_MS / 1000 + 5) as broker:
        broker.sendall(struct.pack(">i", len(header + body)) + header + body)
        with broker.makefile("rb") as stream:
            answer = stream.read(struct.unpack(">i", stream.read(4))[0])
    error = struct.unpack(">h", answer[-2:])[0]
    assert error == 0, f"Kafka's error {error} for deleting {topic}"


def topics(stack):
    """Names of the topics that exist."""
    done = subprocess.run(["kcat", "-L", "-J", "-b", stack.brokers, "-m", "10"], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=30, check=True)
    return {topic["topic"] for topic in json.loads(done.stdout)["topics"]}


def records(stack, topic):
    """Every record of <topic> as {key, payload, headers, partition, offset}, oldest first within a partition."""
    done = subprocess.run(["kcat", "-C", "-J", "-e", "-q", "-o", "beginning", "-b", stack.brokers, "-t", topic, "-m", "20"],
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.split("\n") if line]
