"""An S3 server on loopback, with nothing of the user's own credentials."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bridge-test"
#: what the server takes for a secret, and what must not be seen anywhere.
SECRET = "hunter2-object-storage"


@dataclass(frozen=True, slots=True)
class Storage:
    """A server that runs."""

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """Where obstore finds the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "user",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def client(self) -> Any:
        """Another client than the one under test."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="user",
            aws_secret_access_key=SECRET,
        )

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """The address of a place in an empty bucket."""
        client = self.client()
        client.create_bucket(Bucket=BUCKET)
        try:
            yield f"s3://{BUCKET}/some/prefix"
        finally:
            for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
                client.delete_object(Bucket=BUCKET, Key=each["Key"])
            client.delete_bucket(Bucket=BUCKET)


@contextmanager
def s3() -> Iterator[Storage]:
    """A server until the context ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Storage(f"http://{host}:{port}")
    finally:
        server.stop()
