"""S3 servers on loopback, each in a folder of its own, and Amazon's SDK as their reader."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

KEY_ID = "AKIALOADLOCKTESTS"
SECRET = "a/secret+access-key=of-the-s3-suite-40x"
BUCKET = "files"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def eventually(what: str, ask, seconds: float = 60):
    """The first answer that is something; asks until then."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Server:
    name = ""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, start_new_session=True)
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
        )
        eventually(f"{self.name} starts", self.is_up)

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_up(self) -> bool:
        try:
            self.s3.create_bucket(Bucket=BUCKET)
        except ClientError as error:
            return error.response["Error"]["Code"].startswith("BucketAlready")
        except Exception:
            assert self.process.poll() is None, f"{self.name} ended: {(self.folder / 'log').read_text()[-2000:]}"
            return False
        return True

    def sessions(self) -> list[dict]:
        try:
            return self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        except ClientError as error:
            # What rclone says of a bucket that never had one.
            if error.response["Error"]["Code"] == "NoSuchUpload":
                return []
            raise

    def keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self.log.close()


class SeaweedFS(Server):
    """Checks signatures, conditions and checksums."""

    name = "seaweedfs"
    is_strict = True

    def command(self) -> list[str]:
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        keys = {"accessKey": KEY_ID, "secretKey": SECRET}
        identities = self.folder / "identities.json"
        identities.write_text(json.dumps({"identities": [{"name": "a", "credentials": [keys], "actions": actions}]}))
        data = self.folder / "data"
        data.mkdir()
        # By itself it takes ports for gRPC that are 10,000 above these, whether or not they are free.
        roles = ("master", "volume", "filer")
        others = [f"-{role}.port{kind}={free_port()}" for role in roles for kind in ("", ".grpc")]
        return ["weed", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *others, "-volume.max=100",
                "-s3", f"-s3.port={self.port}", f"-s3.port.grpc={free_port()}", "-s3.port.iceberg=0", "-s3.port.lance=0",
                f"-s3.config={identities}"]


class Rclone(Server):
    """Checks signatures, and neither conditions nor SHA-256."""

    name = "rclone"
    is_strict = False

    def command(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir()
        return ["rclone", "serve", "s3", str(data), "--addr", f"127.0.0.1:{self.port}", "--auth-key",
                f"{KEY_ID},{SECRET}", "--vfs-cache-mode", "off", "--config", str(self.folder / "none.conf")]
