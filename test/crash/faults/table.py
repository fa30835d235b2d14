"""The table that inject.c shares with us, and names for what stands in it."""
import collections
import errno
import functools
import mmap
import os
import pathlib
import re
import struct
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
OBJECTS, SITES, FRAMES = 64, 32768, 6
SITE = struct.Struct("<QIIII" + "II" * FRAMES)
SITES_AT = 4096 + OBJECTS * 256
SIZE = SITES_AT + SITES * SITE.size
NONE, ONCE, LASTING = 0, 1, 2
SHORT = -1
UNDO = struct.Struct("<c3xIIIQ232s")
PAGE = 4096

Site = collections.namedtuple("Site", "key call frames hits")


def call_names():
    text = re.search(r"#define CALLS\(X\)(.*?)\n\n", (HERE / "inject.h").read_text(), re.S)[1]
    return re.findall(r"X\((\w+)\)", text)


CALLS = call_names()

# Which errors a call can be made to return.  Only what Linux may say there;
# EINTR and EAGAIN only where the call may wait or the descriptor does not.
DISK = ["EIO"]
ROOM = ["ENOSPC", "EIO", "EDQUOT"]
DESCRIPTOR = ["EMFILE", "ENFILE"]
ERRORS = {
    "open": DESCRIPTOR + ["EIO", "ENOMEM"], "create": ["ENOSPC", "EMFILE", "EIO", "EDQUOT", "ENOMEM"],
    "read": ["EIO", "SHORT"], "pread": ["EIO", "SHORT"],
    "write": ROOM + ["SHORT"], "pwrite": ROOM + ["SHORT"],
    "read_pipe": ["EIO", "EINTR"], "write_pipe": ["EINTR"],
    "recv": ["ECONNRESET", "EINTR", "EAGAIN", "SHORT"],
    "send": ["EPIPE", "EINTR", "EAGAIN", "SHORT"],
    "fsync": ["EIO", "ENOSPC"], "fdatasync": ["EIO", "ENOSPC"], "syncfs": ["EIO", "ENOSPC"],
    "close": ["EIO", "ENOSPC"],
    "rename": ROOM, "renameat": ROOM, "link": ROOM + ["EMLINK"], "linkat": ROOM + ["EMLINK"],
    "unlink": DISK, "unlinkat": DISK, "rmdir": DISK, "mkdir": ROOM, "mkdirat": ROOM,
    "chmod": DISK, "fchmod": DISK, "chdir": DISK, "access": DISK, "faccessat": DISK,
    "ftruncate": DISK, "posix_fallocate": ["ENOSPC", "EINTR", "EIO"],
    "fstat": DISK, "stat": ["EIO", "ENOMEM"], "lstat": ["EIO", "ENOMEM"],
    "fstatat": ["EIO", "ENOMEM"], "fstatvfs": DISK,
    "mmap": ["ENOMEM"], "munmap": ["ENOMEM"], "madvise": ["ENOMEM", "EIO"],
    "flock": ["ENOLCK", "EINTR"], "fcntl": ["ENOLCK", "EINTR"],
    "accept": ["EMFILE", "ENOMEM", "EINTR"],
    "accept4": DESCRIPTOR + ["ENOMEM", "EINTR", "ECONNABORTED"],
    "connect": ["ECONNREFUSED", "EAGAIN", "EINTR"], "bind": ["ENOMEM"], "listen": ["EADDRINUSE"],
    "socket": DESCRIPTOR + ["ENOMEM"],
    "getsockname": ["ENOBUFS"], "getpeername": ["ENOTCONN"], "getsockopt": ["ENOBUFS"],
    "setsockopt": ["ENOBUFS"], "poll": ["EINTR", "ENOMEM"], "epoll_create1": DESCRIPTOR,
    "epoll_ctl": ["ENOMEM", "ENOSPC"], "epoll_wait": ["EINTR"], "epoll_pwait": ["EINTR"],
    "eventfd": DESCRIPTOR, "signalfd": DESCRIPTOR, "pipe": DESCRIPTOR, "pipe2": DESCRIPTOR,
    "dup": ["EMFILE"], "dup2": ["EMFILE"], "fork": ["EAGAIN", "ENOMEM"], "execv": ["ENOMEM", "EIO"],
    "waitpid": ["EINTR"], "sigqueue": ["EAGAIN"], "readlink": DISK,
    "fopen": ["EMFILE", "EIO", "ENOMEM"], "fopen64": ["EMFILE", "EIO", "ENOMEM"],
    "opendir": ["EMFILE", "ENOMEM", "EIO"], "fdopendir": ["ENOMEM"], "readdir": DISK,
    "realpath": ["EIO", "ENOMEM"], "getcwd": ["ENOMEM"], "getrandom": ["EINTR", "SHORT"],
    "getaddrinfo": ["EAGAIN"], "malloc": ["ENOMEM"], "calloc": ["ENOMEM"], "realloc": ["ENOMEM"],
}


def error_number(name):
    return SHORT if name == "SHORT" else getattr(errno, name)


class Table:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.undo = pathlib.Path(str(path) + ".undo")
        for p, size in ((self.path, SIZE), (self.undo, 0)):
            with open(p, "wb") as f:
                f.truncate(size)
            os.chmod(p, 0o666)
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SIZE)

    def put(self, at, fmt, value):
        struct.pack_into("<" + fmt, self.map, at, value)

    def get(self, at, fmt):
        return struct.unpack_from("<" + fmt, self.map, at)[0]

    def enable(self, on=True):
        self.put(0, "I", int(on))

    def arm(self, key, error, seconds=0.0):
        """Once, or for so long."""
        self.put(16, "Q", key)
        self.put(24, "q", time.monotonic_ns() + int(seconds * 1e9))
        self.put(32, "i", error)
        self.put(36, "I", 0)
        self.put(4, "I", LASTING if seconds else ONCE)

    def disarm(self):
        """How often it failed."""
        self.put(4, "I", NONE)
        return self.get(36, "I")

    def fired(self):
        path = self.map[48:304].split(b"\0")[0].decode(errors="replace")
        return self.get(36, "I"), self.get(40, "I"), path

    def track(self, on):
        with open(self.undo, "wb"):
            pass
        self.put(8, "I", int(on))

    def sites(self):
        out, paths = {}, [self.object(i) for i in range(OBJECTS)]
        for f in SITE.iter_unpack(self.map[SITES_AT:SIZE]):
            if f[0] != 0:
                frames = [(paths[n], offset) for n, offset in zip(f[5::2], f[6::2])][:f[3]]
                out[f[0]] = Site(f[0], CALLS[f[2]], frames, f[1])
        return out

    def object(self, number):
        at = 4096 + number * 256 + 8
        return self.map[at:at + 248].split(b"\0")[0].decode()

    # --- what a failed flush loses ---

    def lose(self):
        """Puts files whose flush failed into the state in which a power cut
        finds them: what was written since the flush before is as it was, but
        for pages that were written again afterwards.  Their paths."""
        events = collections.defaultdict(list)
        data = self.undo.read_bytes()
        at = 0
        while at < len(data):
            kind, n, got, _, off, path = UNDO.unpack_from(data, at)
            at += UNDO.size
            path = path.split(b"\0")[0].decode()
            if kind == b"S":
                for e in events.values():
                    if not any(x[0] == b"F" for x in e):
                        e.clear()
            else:
                events[path].append((kind, off, n, data[at:at + got]))
            at += got
        lost = []
        for path, e in events.items():
            kinds = [x[0] for x in e]
            if b"F" in kinds and os.path.isfile(path):
                self.lose_writes(path, e, kinds.index(b"F"))
                lost.append(path)
        return lost

    @staticmethod
    def lose_writes(path, events, failed):
        flushed = max((i for i in range(failed) if events[i][0] == b"f"), default=-1)
        kept = set()
        for kind, off, n, _ in events[failed:]:
            if kind == b"w":
                kept.update(range(off // PAGE, (off + n - 1) // PAGE + 1))
        with open(path, "r+b") as f:
            for kind, off, n, old in reversed(events[flushed + 1:failed]):
                if kind != b"w":
                    continue
                old = old.ljust(n, b"\0")
                for page in range(off // PAGE, (off + n - 1) // PAGE + 1):
                    start, end = max(off, page * PAGE), min(off + n, (page + 1) * PAGE)
                    if page not in kept:
                        f.seek(start)
                        f.write(old[start - off:end - off])


# --- names ---

@functools.lru_cache(None)
def symbol(path, offset):
    """The functions at OFFSET of the program PATH, innermost first."""
    run = subprocess.run(["addr2line", "-f", "-i", "-s", "-e", path, hex(offset - 1)],
                         capture_output=True, text=True)
    lines = run.stdout.splitlines()
    out = [f"{f} {l.split(' ')[0]}" for f, l in zip(lines[::2], lines[1::2]) if f != "??"]
    return out or [f"{os.path.basename(path)}+{offset:#x}"]


def find_program(build, path):
    """The file with debugging information for what ran as PATH."""
    here = pathlib.Path(path)
    for p in (build / "/".join(here.parts[-3:]), build / "/".join(here.parts[-2:])):
        if here.parts and p.exists():
            return str(p)
    return path


def trace(build, site):
    """The functions that were called, innermost first."""
    return [f for path, offset in site.frames
            for f in symbol(find_program(build, path), offset)]
