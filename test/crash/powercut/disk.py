"""What a disk may hold after a power cut: from a trace to images.

A file system with a journal, read strictly:
- A write that was not flushed since (fsync, fdatasync of its file, syncfs of
  its file system) may be on the disk, or not, or some of its sectors of 512
  bytes; each for itself, in any order.  Of stores into a mapping each word.
- A file is as long as what is kept of it reaches; holes are zeros, or, where
  blocks had been taken for a write that did not come, anything.
- Changes of names and sizes reach the disk in their order: some first part of
  all that were made, at least up to the last flush of any folder.  To flush a
  file does not flush its name, but its own size.
- configdirectory and each partition are file systems of their own.
"""
import ctypes
import hashlib
import os
import random
import re
import struct

PAGE, SECTOR, WORD = 4096, 512, 8
ZERO = bytes(PAGE)
(WRITE, MAPPED, TRUNCATE, ALLOCATE, SYNC, SYNC_DIR, SYNC_FS, CREATE, MKDIR, LINK, UNLINK,
 RMDIR, RENAME, EVENT) = range(1, 15)
NAMES = {CREATE, MKDIR, LINK, UNLINK, RMDIR, RENAME}
HEAD = struct.Struct("=QQ")
RECORD = struct.Struct("=IHHIIQQQQ")
HEAD_SIZE = 4096


class Record:
    __slots__ = ("type", "pid", "ino", "off", "parent", "parent2", "data")

    def __init__(self, kind, pid, ino, off, parent, parent2, data):
        self.type, self.pid, self.ino, self.off = kind, pid, ino, off
        self.parent, self.parent2, self.data = parent, parent2, data


def read_trace(path):
    with open(path, "rb") as f:
        used, _ = HEAD.unpack(f.read(HEAD.size))
        f.seek(HEAD_SIZE)
        return parse(f.read(used))


def parse(raw):
    records, at = [], 0
    while at < len(raw):
        n, kind, _, pid, _, ino, off, parent, parent2 = RECORD.unpack_from(raw, at)
        at += RECORD.size
        records.append(Record(kind, pid, ino, off, parent, parent2, raw[at:at + n]))
        at += (n + 7) // 8 * 8
    return records


class Trace:
    """The C side, for whoever writes events: one for this process."""

    def __init__(self, library, path, size):
        self.lib = ctypes.CDLL(str(library))
        self.path = str(path)
        os.makedirs(self.path + ".shadow", exist_ok=True)
        for call, args in ((self.lib.trace_create, (self.path.encode(), ctypes.c_size_t(size))),
                           (self.lib.trace_attach, (self.path.encode(),))):
            if call(*args) != 0:
                raise OSError(f"{self.path}: cannot be made")

    def event(self, text):
        self.lib.trace_event(text.encode())


# --- one file ---

class Content:
    """Bytes as pages; a page that is not there is zeros."""
    __slots__ = ("pages", "size", "_digest")

    def __init__(self, pages=None, size=0):
        self.pages, self.size, self._digest = pages if pages is not None else {}, size, None

    def copy(self):
        return Content(dict(self.pages), self.size)

    def put(self, off, data):
        self._digest = None
        at, n = 0, len(data)
        while at < n:
            no, start = divmod(off + at, PAGE)
            part = min(PAGE - start, n - at)
            if part == PAGE:
                page = data[at:at + PAGE]
            else:
                old = self.pages.get(no, ZERO)
                page = old[:start] + data[at:at + part] + old[start + part:]
            if page == ZERO:
                self.pages.pop(no, None)
            else:
                self.pages[no] = page
            at += part

    def write(self, off, data):
        self.put(off, data)
        self.size = max(self.size, off + len(data))

    def store(self, off, data):
        """Through a mapping: what is behind the end goes nowhere."""
        if off < self.size:
            self.put(off, data[:self.size - off])

    def truncate(self, size):
        self._digest = None
        if size < self.size:
            no, start = divmod(size, PAGE)
            for p in [p for p in self.pages if p > no or (p == no and start == 0)]:
                del self.pages[p]
            if start and no in self.pages:
                self.put(size, bytes(PAGE - start))
        self.size = size

    def extend(self, size):
        self._digest = None
        self.size = max(self.size, size)

    def digest(self):
        if self._digest is None:
            h = hashlib.blake2b(b"%d" % self.size, digest_size=16)
            for no in sorted(self.pages):
                h.update(b"%d:" % no)
                h.update(self.pages[no])
            self._digest = h.digest()
        return self._digest

    def save(self, path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(fd, self.size)
            run, start, last = [], None, None
            for no in sorted(self.pages):
                if last is not None and no != last + 1:
                    os.pwrite(fd, b"".join(run), start * PAGE)
                    run, start = [], None
                if start is None:
                    start = no
                run.append(self.pages[no])
                last = no
            if run:
                os.pwrite(fd, b"".join(run)[:self.size - start * PAGE], start * PAGE)
        finally:
            os.close(fd)

    @staticmethod
    def load(path):
        c = Content()
        with open(path, "rb") as f:
            data = f.read()
        c.write(0, data)
        return c


class Pending:
    """One write, truncation or allocation that no flush has forced yet."""
    __slots__ = ("type", "off", "data", "seq", "meta")

    def __init__(self, kind, off, data, seq, meta):
        self.type, self.off, self.data, self.seq, self.meta = kind, off, data, seq, meta


class File:
    __slots__ = ("ino", "fs", "base", "pending", "name")

    def __init__(self, ino, fs, base=None, name=""):
        self.ino, self.fs, self.base, self.pending = ino, fs, base or Content(), []
        self.name = name

    def flush(self):
        if not self.pending:
            return
        self.base = self.base.copy()
        for p in self.pending:
            apply_pending(self.base, p)
        self.pending = []


def apply_pending(c, p):
    if p.type == WRITE:
        c.write(p.off, p.data)
    elif p.type == MAPPED:
        c.store(p.off, p.data)
    elif p.type == TRUNCATE:
        c.truncate(p.off)
    else:
        c.extend(p.off)


# --- names ---

class Fs:
    """One file system: its tree as flushed, and changes of names since."""

    def __init__(self, name, ino):
        self.name, self.root = name, ino
        self.tree = {ino: {}}           # folder -> name -> ino
        self.count = 0                  # changes of names and sizes so far
        self.forced = 0                 # so many of them are on the disk
        self.pending = []               # (number, record)

    def force(self):
        for _, r in self.pending:
            change_names(self.tree, r)
        self.pending = []
        self.forced = self.count

    def tree_at(self, count):
        tree = {ino: dict(names) for ino, names in self.tree.items()}
        for number, r in self.pending:
            if number >= count:
                break
            change_names(tree, r)
        return tree


def change_names(tree, r):
    if r.type == RENAME:
        old, new = r.data.split(b"\0")
        tree[r.parent2][new] = tree[r.parent].pop(old)
    elif r.type in (UNLINK, RMDIR):
        del tree[r.parent][r.data]
    else:
        tree[r.parent][r.data] = r.ino
        if r.type == MKDIR:
            tree[r.ino] = {}


# --- all of it ---

class Disk:
    """The state of all file systems after some of a trace.

    `deaf`: a function of (record, file's name) that says that a flush is not
    to be believed: a breakage, to see that the checks find something.
    """

    def __init__(self, snapshot, deaf=None):
        self.fs, self.files, self.home = [], {}, {}
        self.seq = 0
        self.deaf = deaf
        for name, ino, folders, files in snapshot:
            fs = Fs(name, ino)
            self.fs.append(fs)
            for folder, names in folders.items():
                fs.tree[folder] = dict(names)
                self.home[folder] = fs
            for i, (base, last) in files.items():
                self.files[i] = File(i, fs, base, last)
                self.home[i] = fs

    def step(self, r):
        self.seq += 1
        if r.type == EVENT:
            return
        fs = self.home.get(r.parent if r.type in NAMES else r.ino)
        if fs is None:
            raise ValueError(f"record {self.seq}: of a file that nobody knows, {r.type} {r.data[:99]}")
        if r.type in NAMES:
            self.name(fs, r)
        elif r.type in (SYNC, SYNC_DIR, SYNC_FS):
            self.flush(fs, r)
        else:
            f = self.files[r.ino]
            meta = None
            if r.type in (TRUNCATE, ALLOCATE):
                meta, fs.count = fs.count, fs.count + 1
            f.pending.append(Pending(r.type, r.off, r.data, self.seq, meta))

    def name(self, fs, r):
        if r.type == RENAME and self.home.get(r.parent2) is not fs:
            raise ValueError(f"record {self.seq}: a rename between file systems: {r.data}")
        if r.type == LINK and self.home.get(r.ino) is not fs:
            raise ValueError(f"record {self.seq}: a link between file systems: {r.data}")
        if r.type == CREATE:
            self.files[r.ino] = File(r.ino, fs, name=r.data.decode())
        if r.type in (CREATE, MKDIR):
            self.home[r.ino] = fs
        if r.type == RENAME and r.ino in self.files:
            self.files[r.ino].name = r.data.split(b"\0")[1].decode()
        fs.pending.append((fs.count, r))
        fs.count += 1

    def flush(self, fs, r):
        f = self.files.get(r.ino)
        if self.deaf and self.deaf(r, f.name if f else ""):
            return
        if r.type == SYNC:
            f.flush()
        elif r.type == SYNC_DIR:
            fs.force()
        else:
            fs.force()
            for f in self.files.values():
                if f.fs is fs:
                    f.flush()

    # --- images ---

    def dirty(self):
        """All (file, pending write) that a power cut may take."""
        return [(f, p) for f in self.files.values() for p in f.pending if p.meta is None]

    def image(self, choice):
        return Image(self, choice)


class Choice:
    """Which of the un-flushed is on the disk; made by a policy, see policies()."""

    def __init__(self, rng):
        self.rng = rng
        self.meta = lambda fs: fs.count
        self.write = lambda f, p: True          # True, False, "sectors", "words"
        self.part = 0.5
        self.garbage = False

    def pieces(self, f, p):
        """[(off, data, kept)] of one pending write."""
        how = self.write(f, p)
        if how is True or how is False:
            return [(p.off, p.data, how)]
        unit = WORD if how == "words" and p.type == MAPPED else SECTOR
        out, at, end = [], p.off, p.off + len(p.data)
        while at < end:
            stop = min(end, (at // unit + 1) * unit)
            out.append((at, p.data[at - p.off:stop - p.off], self.rng.random() < self.part))
            at = stop
        return out


class Image:
    def __init__(self, disk, choice):
        self.folders, self.paths, self.contents = [], [], {}
        for fs in disk.fs:
            count = choice.meta(fs)
            tree = fs.tree_at(count)
            self.walk(disk, fs, tree, fs.root, fs.name, choice, count)
        h = hashlib.blake2b(digest_size=16)
        first = {}
        for path in self.folders:
            h.update(path.encode(errors="surrogateescape") + b"/\0")
        for path, ino in self.paths:
            number = first.setdefault(ino, len(first))
            h.update(path.encode(errors="surrogateescape") + b"\0%d\0" % number)
            h.update(self.contents[ino].digest())
        self.digest = h.hexdigest()

    def walk(self, disk, fs, tree, ino, path, choice, count):
        self.folders.append(path)
        for name in sorted(tree[ino]):
            child = tree[ino][name]
            where = path + "/" + os.fsdecode(name)
            if child in tree:
                self.walk(disk, fs, tree, child, where, choice, count)
                continue
            self.paths.append((where, child))
            if child not in self.contents:
                self.contents[child] = self.content(disk.files[child], choice, count)

    @staticmethod
    def content(f, choice, count):
        if not f.pending:
            return f.base
        c, lost = f.base.copy(), []
        for p in f.pending:
            if p.meta is not None:
                if p.meta < count:
                    apply_pending(c, p)
                continue
            for off, data, kept in choice.pieces(f, p):
                if not kept:
                    if choice.garbage and p.type == WRITE:
                        lost.append((off, len(data)))
                elif p.type == WRITE:
                    c.write(off, data)
                else:
                    c.store(off, data)
        # Blocks that were new to the file, taken but never written.
        for off, n in lost:
            start = max(off, f.base.size)
            if start < off + n and start < c.size and not covered(c, start, off + n):
                c.store(start, choice.rng.randbytes(off + n - start))
        return c

    def save(self, top):
        for path in self.folders:
            os.mkdir(f"{top}/{path}", 0o700)
        seen = {}
        for path, ino in self.paths:
            if ino in seen:
                os.link(seen[ino], f"{top}/{path}")
            else:
                seen[ino] = f"{top}/{path}"
                self.contents[ino].save(seen[ino])


def covered(c, start, end):
    """Has something else been written there?"""
    return any(no in c.pages for no in range(start // PAGE, (end - 1) // PAGE + 1))


def snapshot(top, names):
    """The folders as they are, for Disk()."""
    out = []
    for name in names:
        folders, files = {}, {}
        for where, dirs, plain in os.walk(os.fsencode(f"{top}/{name}")):
            ino = os.stat(where).st_ino
            folders[ino] = {}
            for d in dirs:
                folders[ino][d] = os.stat(os.path.join(where, d)).st_ino
            for p in plain:
                path = os.path.join(where, p)
                if not os.path.isfile(path):
                    continue            # a socket
                i = os.stat(path).st_ino
                folders[ino][p] = i
                region = re.fullmatch(rb"(__db|kv\.room(\.old)?)\.\d\d\d", p)
                if i not in files:
                    files[i] = (Content() if region else Content.load(path), os.fsdecode(p))
        out.append((name, os.stat(f"{top}/{name}").st_ino, folders, files))
    return out


# --- policies ---

def _meta_min(c, _rng, _disk):
    c.meta = lambda fs: fs.forced


def _meta_max(c, _rng, _disk):
    c.meta = lambda fs: fs.count


def _meta_random(c, rng, disk):
    at = {fs: rng.randint(fs.forced, fs.count) for fs in disk.fs}
    c.meta = lambda fs: at[fs]


def _none(c, _rng, _disk):
    c.write = lambda f, p: False


def _all(c, _rng, _disk):
    c.write = lambda f, p: True


def _random(c, rng, _disk):
    part = rng.choice((0.1, 0.5, 0.9))
    c.write = lambda f, p: rng.random() < part


def _files(c, rng, _disk):
    """All of a file's writes or none."""
    kept = {}
    c.write = lambda f, p: kept.setdefault(f.ino, rng.random() < 0.5)


def _sectors(c, rng, _disk):
    c.part = rng.choice((0.2, 0.5, 0.8))
    c.write = lambda f, p: "sectors"


def _words(c, rng, _disk):
    c.part = rng.choice((0.2, 0.5, 0.8))
    c.write = lambda f, p: "words"


def _database(c, rng, _disk):
    """Torn pages of a database; of the rest all or none."""
    rest = rng.random() < 0.5
    c.part = rng.choice((0.3, 0.6, 0.9))
    c.write = lambda f, p: "sectors" if f.name.endswith(".db") else rest


def _one(disk, rng):
    dirty = sorted(disk.dirty(), key=lambda fp: fp[1].seq)
    if not dirty:
        return None
    if rng.random() < 0.6:
        dirty = dirty[-20:]
    return rng.choice(dirty)[1]


def _drop_one(c, rng, disk):
    one = _one(disk, rng)
    c.write = lambda f, p: p is not one


def _tear_one(c, rng, disk):
    one = _one(disk, rng)
    c.write = lambda f, p: True if p is not one else "sectors"


def _keep_one(c, rng, disk):
    one = _one(disk, rng)
    c.write = lambda f, p: p is one


def _drop_last(c, rng, disk):
    """Nothing of what came after some moment."""
    one = _one(disk, rng)
    limit = one.seq if one else 0
    c.write = lambda f, p: p.seq < limit


DATA = {"none": _none, "all": _all, "random": _random, "files": _files, "sectors": _sectors,
        "words": _words, "database": _database,
        "drop-one": _drop_one, "tear-one": _tear_one, "keep-one": _keep_one,
        "drop-last": _drop_last}
META = {"min": _meta_min, "max": _meta_max, "any": _meta_random}
POLICIES = [f"{d}.{m}" for d in DATA for m in META]


def choose(disk, policy, seed):
    """The Choice of POLICY ("data.names") for this disk; the same for the same SEED."""
    rng = random.Random(seed)
    c = Choice(rng)
    data, meta = policy.split(".")
    META[meta](c, rng, disk)
    DATA[data](c, rng, disk)
    c.garbage = rng.random() < 0.2
    return c


def deaf_to(*rules):
    """A function for Disk(deaf=): RULES are (type, pattern of the file's name)."""
    rules = [(t, re.compile(p)) for t, p in rules]
    return lambda r, name: any(r.type == t and p.search(name) for t, p in rules)
