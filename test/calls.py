"""What a running process asks of the kernel, counted.

    with Calls(pid) as calls:
        imap.ok("STATUS INBOX (MESSAGES)")
    calls.names()       # Counter({"openat": 1, "pread64": 1, ...})
    calls.opened()      # paths, in order

The process is traced (ptrace(2)) from the beginning of the block to its end; it
should wait for something then.  faults(pid) is how many pages it had to be
given so far: a measure of how much of a mapped file was looked at.
"""
import collections
import ctypes
import os
import signal
import threading

SYSCALL, DETACH, SEIZE, INTERRUPT, GET_SYSCALL_INFO = 24, 17, 0x4206, 0x4207, 0x420e
TRACESYSGOOD, ENTRY, WALL = 1, 1, 0x40000000
SYSTRAP = signal.SIGTRAP | 0x80
THE_END = signal.SIGURG             # nobody else sends it; it is never delivered

NAMES = {"x86_64": {
    0: "read", 1: "write", 3: "close", 5: "fstat", 7: "poll", 9: "mmap", 11: "munmap",
    12: "brk", 16: "ioctl", 17: "pread64", 18: "pwrite64", 20: "writev", 25: "mremap",
    28: "madvise", 73: "flock", 74: "fsync", 75: "fdatasync", 219: "restart_syscall",
    257: "openat", 262: "newfstatat",
}}.get(os.uname().machine, {})

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Info(ctypes.Structure):
    """struct ptrace_syscall_info"""
    _fields_ = [("op", ctypes.c_uint8), ("pad", ctypes.c_uint8 * 3), ("arch", ctypes.c_uint32),
                ("ip", ctypes.c_uint64), ("sp", ctypes.c_uint64), ("nr", ctypes.c_uint64),
                ("args", ctypes.c_uint64 * 6), ("more", ctypes.c_uint64)]


def can_count():
    return bool(NAMES)


def faults(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return int(f.read().rsplit(")", 1)[1].split()[7])


class Calls:
    """PermissionError: we may not trace it."""

    def __init__(self, pid):
        self.pid, self.calls, self.error = pid, [], None
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        self.started.wait()
        if self.error:
            self.thread.join()
            raise self.error
        return self

    def __exit__(self, *_):
        os.kill(self.pid, THE_END)
        self.thread.join()

    def names(self):
        return collections.Counter(name for name, _ in self.calls)

    def opened(self):
        return [path for name, path in self.calls if name == "openat"]

    # --- the tracer; all of it in one thread, as the kernel wants it ---

    def ptrace(self, request, address=0, data=0):
        if libc.ptrace(request, self.pid, address, data) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def run(self):
        try:
            self.ptrace(SEIZE, 0, TRACESYSGOOD)
            self.ptrace(INTERRUPT)
            os.waitpid(self.pid, WALL)
            self.ptrace(SYSCALL)
        except OSError as e:
            self.error = e
        self.started.set()
        if not self.error:
            self.trace()

    def trace(self):
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            while True:
                _, status = os.waitpid(self.pid, WALL)
                if not os.WIFSTOPPED(status):
                    return
                stop, event = os.WSTOPSIG(status), status >> 16
                if stop == THE_END:
                    break
                if stop == SYSTRAP:
                    self.note(memory)
                self.ptrace(SYSCALL, 0, 0 if stop == SYSTRAP or event else stop)
            self.ptrace(DETACH)

    def note(self, memory):
        info = Info()
        self.ptrace(GET_SYSCALL_INFO, ctypes.sizeof(info), ctypes.addressof(info))
        if info.op != ENTRY:
            return
        name = NAMES.get(info.nr, f"system call {info.nr}")
        path = None
        if name == "openat":
            memory.seek(info.args[1])
            path = memory.read(256).split(b"\0")[0].decode(errors="replace")
        self.calls.append((name, path))
