"""Uploads a file with tuspy in one of several ways; prints the URLs of the uploads."""

import sys
from concurrent.futures import ThreadPoolExecutor

from tusclient.client import TusClient

how, url, token, path = sys.argv[1:]
client = TusClient(url, headers={"Authorization": f"Bearer {token}"})
options = {
    "file_path": path,
    "chunk_size": 2 << 20,
    "metadata": {"filename": "fox.txt", "filetype": "text/plain"},
    "retries": 2,
    "retry_delay": 1,
}


def whole(**more):
    uploader = client.uploader(**{**options, **more})
    uploader.upload()
    return uploader.url


if how == "whole":
    print(whole())
elif how == "checksum":
    print(whole(upload_checksum=True))
elif how == "resume":
    first = client.uploader(**options)
    first.upload(stop_at=4 << 20)
    second = client.uploader(**options, url=first.url)
    assert second.offset == 4 << 20, second.offset
    second.upload()
    print(second.url)
elif how == "parallel":
    with ThreadPoolExecutor(4) as pool:
        for done in pool.map(lambda _: whole(), range(4)):
            print(done)
