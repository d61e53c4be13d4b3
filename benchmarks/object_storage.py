"""`sync` to and from object storage on loopback: an S3 server of moto's, or a real one, Ceph's gateway.

    python benchmarks/object_storage.py SOURCE [--server moto|ceph]

SOURCE is a conda channel. It goes into a bucket, as index; a second run must find nothing to do; the bucket becomes a
channel again; eight publishers compete for one bucket. Each result is compared with that of directories.

Ceph needs Debian's packages ceph-mon, ceph-osd, radosgw and ceph-common, and runs as root: one monitor, one store in
memory and one gateway, all on loopback and all below a temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3

from bridge.errors import Unsupported
from bridge.sync.bucket import BucketDestination
from bridge.sync.bucket_source import copied
from bridge.sync.detect import open_destination, open_source
from bridge.sync.engine import open_engine
from bridge.sync.plan import Wishes
from bridge.sync.sync import sync

_BUCKET = "bridge-benchmark"
_PATIENCE = 90


@contextlib.contextmanager
def moto() -> Iterator[Mapping[str, str]]:
    """A server that imitates S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield _environment(f"http://{host}:{port}", "user", secrets.token_hex(16))
    finally:
        server.stop()


@contextlib.contextmanager
def ceph() -> Iterator[Mapping[str, str]]:
    """A monitor, a store in memory and a gateway."""
    missing = [program for program in ("ceph-mon", "ceph-osd", "radosgw", "ceph") if shutil.which(program) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)} (apt-get install ceph-mon ceph-osd radosgw ceph-common)")
    with tempfile.TemporaryDirectory(prefix="bridge-ceph-") as directory:
        cluster = _Cluster(Path(directory))
        try:
            cluster.start()
            yield _environment(f"http://127.0.0.1:{cluster.gateway}", cluster.user, cluster.secret)
        finally:
            cluster.stop()


class _Cluster:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.gateway, self.monitor = 17912, 17911
        self.user, self.secret = "bench", secrets.token_hex(16)
        self.conf, self.keyring = root / "ceph.conf", root / "keyring"

    def start(self) -> None:
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.root / name).mkdir()
        fsid = str(uuid.uuid4())
        self.conf.write_text(self._settings(fsid))
        caps = {
            "mon.": ["mon", "allow *"],
            "client.admin": ["mon", "allow *", "osd", "allow *"],
            "osd.0": ["mon", "allow profile osd", "osd", "allow *"],
            "client.rgw": ["mon", "allow *", "osd", "allow *"],
        }
        for number, (name, given) in enumerate(caps.items()):
            pairs = [part for at in range(0, len(given), 2) for part in ("--cap", given[at], given[at + 1])]
            create = ["--create-keyring"] if number == 0 else []
            self._run("ceph-authtool", *create, self.keyring, "--gen-key", "-n", name, *pairs)
        monmap = self.root / "monmap"
        address = f"[v2:127.0.0.1:{self.monitor}/0]"
        self._run("monmaptool", "--create", "--clobber", "--addv", "a", address, "--fsid", fsid, monmap)
        self._run("ceph-mon", "-c", self.conf, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", self.keyring)
        self._run("ceph-mon", "-c", self.conf, "-i", "a")
        self._run("ceph", "-c", self.conf, "auth", "import", "-i", self.keyring)
        self._run("ceph", "-c", self.conf, "--connect-timeout", "20", "osd", "create")
        self._run("ceph-osd", "-c", self.conf, "-i", "0", "--mkfs", "--osd-uuid", str(uuid.uuid4()))
        self._run("ceph-osd", "-c", self.conf, "-i", "0")
        self._run("radosgw", "-c", self.conf, "-n", "client.rgw", "-k", self.keyring)
        self._wait()
        keys = ("--access-key", self.user, "--secret-key", self.secret)
        self._run("radosgw-admin", "-c", self.conf, "user", "create", "--uid=bench", "--display-name=bench", *keys)

    def stop(self) -> None:
        for file in sorted(self.root.glob("run/*.pid")):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(file.read_text()), signal.SIGKILL)
        time.sleep(1)

    def _settings(self, fsid: str) -> str:
        values = {
            "fsid": fsid, "mon host": f"[v2:127.0.0.1:{self.monitor}/0]", "mon initial members": "a",
            "auth allow insecure global id reclaim": "false", "keyring": self.keyring, "osd pool default size": 1,
            "osd pool default min size": 1, "osd pool default pg num": 8, "osd crush chooseleaf type": 0,
            "mon allow pool size one": "true", "mon data avail crit": 1, "ms bind ipv6": "false",
            "public network": "127.0.0.0/8", "cluster network": "127.0.0.0/8", "run dir": self.root / "run",
            "log file": self.root / "log" / "$name.log", "admin socket": self.root / "run" / "$name.asok",
            "pid file": self.root / "run" / "$name.pid", "setuser match path": "", "mon data": self.root / "mon",
            "osd data": self.root / "osd", "osd objectstore": "memstore", "memstore device bytes": 4 << 30,
        }  # fmt: skip
        lines = ["[global]", *(f"{key}={value}" for key, value in values.items())]
        gateway = f"rgw frontends=beast endpoint=127.0.0.1:{self.gateway}"
        return "\n".join([*lines, "[client.rgw]", gateway, f"rgw data={self.root / 'rgw'}", ""])

    def _wait(self) -> None:
        for _ in range(_PATIENCE):
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.gateway}/", timeout=2).close()
                return
            time.sleep(1)
        sys.exit(f"the gateway does not answer; its log is {self.root / 'log'}")

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            sys.exit(f"{command[0]} failed: {done.stderr[-2000:]}")


def _environment(endpoint: str, user: str, secret: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": secret,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--server", choices=["moto", "ceph"], default="moto")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with {"moto": moto, "ceph": ceph}[arguments.server]() as environment, tempfile.TemporaryDirectory() as work:
        os.environ.update(environment, XDG_CACHE_HOME=f"{work}/cache")
        print(f"{arguments.server}: up in {time.perf_counter() - started:.1f} s")
        boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"]).create_bucket(Bucket=_BUCKET)
        _measure(arguments.source, Path(work), arguments.jobs)
        _race()


def _measure(source: Path, work: Path, jobs: int) -> None:
    engine = open_engine("processes", jobs)

    def run(title: str, where: str | Path, to: str | Path) -> float:
        begun = time.perf_counter()
        report = sync(open_source(where), open_destination(to), Wishes(), engine)
        taken = time.perf_counter() - begun
        counts = ", ".join(f"{count} {status}" for status, count in report.summary.items() if count)
        print(f"{title:<34} {taken:7.2f} s  {counts}; {len(report.attempted)} attempted")
        return taken

    index, bucket = work / "index", f"s3://{_BUCKET}/index"
    first = run("channel -> directory", source, index)
    there = run("channel -> bucket", source, bucket)
    again = run("channel -> bucket, again", source, bucket)
    print(f"bucket / directory {there / first:.2f}, again / first {again / there:.3f}")
    copy = copied(bucket, work / "copy")
    same = _tree(copy) == _tree(index)
    print(f"the bucket holds what the directory holds: {'yes' if same else 'NO'}")
    run("index -> directory", index, work / "channel")
    run("bucket -> bucket", bucket, f"s3://{_BUCKET}/channel")
    back = copied(f"s3://{_BUCKET}/channel", work / "channel-copy")
    alike = _tree(back) == _tree(work / "channel")
    print(f"the channel in the bucket is the one in the directory: {'yes' if alike else 'NO'}")
    if not (same and alike):
        sys.exit(1)


def _race() -> None:
    """Eight publishers, of whom one may publish."""
    start, leave, inside, refused = threading.Barrier(8), threading.Event(), [], []

    def publish() -> None:
        destination = BucketDestination(f"s3://{_BUCKET}/race")
        start.wait()
        try:
            with destination.opened():
                inside.append(1)
                leave.wait(30)
        except Unsupported as error:
            refused.append(error.code.number)
            if len(refused) == 7:
                leave.set()

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"eight publishers at once: {len(inside)} publishes, {len(refused)} are refused ({', '.join(set(refused))})")
    if len(inside) != 1:
        sys.exit(1)


def _tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".conda-bridge" not in path.parts and path.name != ".objects.json"
    }


if __name__ == "__main__":
    main()
