"""Damaged files for every reader of both packages: refused in one line, or read right.

    python tests/hunt_files.py --count 10000 --seed 0

Each kind of file is written once, small and whole. Then bytes are flipped, parts are cut, repeated
or put in, numbers become extreme ones, and lines go missing. Arrays of .npz files get other values,
types and shapes, with fresh checksums. Every damaged file goes to its reader in a process of its
own kind. What counts as wrong:

    * any exception but ValueError and OSError, or a message of more than one line;
    * more than ten seconds, more than two gigabytes, or the end of the process;
    * what was read contradicts itself: probabilities that do not sum to one, `solve` and
      `solve_exact` of one process apart, a certificate that is verified with another value than the
      right one, images outside their levels, a model whose likelihood is not finite.

`tests/test_hunt.py` runs a small part and plants faults.
"""

import argparse
import copy
import gzip
import io
import json
import os
import pickle
import re
import resource
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import traceback
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

SECONDS, GIGABYTES = 10, 2
NUMBERS = ["0", "-1", "1", "7", "999999999", "4000000000", "18446744073709551617", "1e308",
           "1e999999999", "1e-400", "nan", "inf", "0.1", "1/3", "1/0", "-0", "", "x", "[]", "\"1\""]


def _check_status(status, told):
    """The exit status of a command, and its one line where that is 2."""
    right = status in (0, 1, 2) and (status < 2 or told.count("\n") == 1)
    assert right, f"status {status}: {told!r}"


# the kinds: name -> (write, read)
# write   one whole file or folder into a directory -> the path to damage
# read    it -> what is checked

def _process():
    from mdp import problems
    return problems.student()


def _write_cassandra(folder):
    import mdp
    # every action in every state
    mdp.write(mdp.problems.PROBLEMS["forest"].make(), folder / "m.mdp")
    return folder / "m.mdp"


def _write_process(name, **options):
    def write(folder):
        import mdp
        mdp.write(_process(), folder / name, **options)
        return folder / name
    return write


def _write_text(name, text):
    def write(folder):
        (folder / name).write_text(text)
        return folder / name
    return write


TRA = "mdp\n0 0 1 0.5 go\n0 0 2 0.5 go\n0 1 0 1 stay\n1 0 2 1 go\n2 0 2 1 stay\n"
BESIDE = {"m.tra": TRA, "m.lab": '0="init" 1="deadlock"\n0: 0\n', "m.srew": "0 1\n1 5\n",
          "m.trew": "0 0 1 2\n1 0 2 -3\n",
          "m.sta": "(x)\n0:(0)\n1:(1)\n2:(2)\n"}
POMDP = """discount: 0.75
values: reward
states: left right
actions: listen open-left open-right
observations: hear-left hear-right
start: uniform
T: listen
identity
T: open-left
uniform
T: open-right
uniform
O: listen
0.85 0.15
0.15 0.85
O: open-left
uniform
O: open-right
uniform
R: listen : * : * : * -1
R: open-left : left : * : * -100
R: open-left : right : * : * 10
R: open-right : left : * : * 10
R: open-right : right : * : * -100
"""


def _write_tra(damaged):
    def write(folder):
        for name, text in BESIDE.items():
            (folder / name).write_text(text)
        return folder / damaged
    return write


def _read_process(path):
    import mdp
    m = mdp.read(path.with_suffix(".tra") if path.name in BESIDE else path)
    P = m.expected.P
    assert m.num_states >= 1 and P.shape == (len(m.pair_state), m.num_states), "shapes"
    assert np.abs(np.asarray(P.sum(axis=1)).ravel() - 1).max(initial=0) < 1e-9
    assert P.data.min(initial=1) >= 0, "rows of P"
    assert np.isfinite(m.expected.r).all(), "rewards"
    if m.num_states > 12:
        return "read"
    try:
        s = mdp.solve(m)
    except ValueError as error:                                          # an undefined total
        _line(error)
        return "read, no answer"
    assert (s.lower <= s.upper).all(), "bounds"
    try:
        x = mdp.solve_exact(m)
    except ValueError as error:
        _line(error)
        return "read, no exact answer"
    value = np.array([_float(y) for y in x.v])
    room = 1e-9 * np.maximum(1, np.where(np.isinf(value), 1, np.abs(value)))
    told = f"solve {s.lower} {s.upper}, solve_exact {value}"
    assert ((s.lower <= value + room) & (s.upper >= value - room)).all(), told
    return "read"


def _float(y):
    """A Fraction as a float, infinite where it is larger than any."""
    try:
        return float(y)
    except OverflowError:
        return np.inf if y > 0 else -np.inf


def _certificates(criterion):
    def write(folder):
        import mdp
        options = {"finite_horizon": {"horizon": 2}}.get(criterion, {})
        x = mdp.solve_exact(_process(), criterion=criterion, **options)
        (folder / "c.json").write_text(json.dumps(x.certificate))
        return folder / "c.json"
    return write


def _values(certificate, field):
    """A field of a certificate as numbers: integers over their denominator."""
    if field not in certificate or field == "infinite":
        return certificate.get(field)
    vector = certificate if field == "num" else certificate[field]
    number = lambda text: int(text, 16) if isinstance(text, str) else text     # noqa: E731
    return [Fraction(number(n), number(vector["den"])) for n in vector["num"]]


def _read_certificate(criterion):
    def read(path):
        import mdp
        from mdp.cli import main
        with open(os.devnull, "w") as nowhere:
            out, err, saved = io.StringIO(), io.StringIO(), (sys.stdout, sys.stderr)
            sys.stdout, sys.stderr = out, err
            try:
                status = main(["verify", "student", str(path)])
            finally:
                sys.stdout, sys.stderr = saved
            nowhere.write(out.getvalue())
        _check_status(status, err.getvalue())
        if status == 2:
            raise ValueError(err.getvalue())
        if status == 1:
            return "rejected"
        found = json.loads(path.read_text())
        if criterion != "finite_horizon":  # (its terminal values are the certificate's own)
            options = {"minimize": found["minimize"]}
            if found.get("goal") is not None:
                options |= {"goal": found["goal"], "miss": float(found["miss"])}
            right = mdp.solve_exact(_process(), criterion=criterion, **options).certificate
            for field in ("gain", "infinite") if criterion == "average" else ("num", "infinite"):
                same = _values(found, field) == _values(right, field)
                assert same, f"a wrong {field} is verified"
        return "verified"
    return read


def _write_policy(folder):
    (folder / "p.json").write_text(json.dumps({"C1": "study", "C2": {"study": 0.5, "sleep": 0.5},
                                               "C3": "study", "FB": "quit"}, indent=1))
    return folder / "p.json"


def _read_policy(path):
    from mdp.cli import main
    out, err, saved = io.StringIO(), io.StringIO(), (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        status = main(["evaluate", "student", "--policy", str(path)])
    finally:
        sys.stdout, sys.stderr = saved
    _check_status(status, err.getvalue())
    if status == 2:
        raise ValueError(err.getvalue())
    return "evaluated"


def _images(N=40, H=5, W=4, C=1, L=256, seed=0):
    return np.random.default_rng(seed).integers(0, L, (N, H, W, C)).astype(np.uint8)


def _write_arrays(**more):
    def write(folder):
        np.savez_compressed(folder / "x.npz", images=_images(L=more.get("levels", 256)), **more)
        return folder / "x.npz"
    return write


def _write_idx(damaged):
    def write(folder):
        for name, N in (("train", 40), ("t10k", 10)):
            x, y = _images(N)[..., 0], np.arange(N, dtype=np.uint8) % 10
            for kind, array in (("images-idx3", x), ("labels-idx1", y)):
                head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
                raw = head + array.tobytes()
                (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(raw))
        return folder / damaged
    return write


def _batch(N, seed):
    x = np.random.default_rng(seed).integers(0, 256, (N, 3072), np.uint8)
    return pickle.dumps({"batch_label": "b", "labels": [i % 10 for i in range(N)], "data": x,
                         "filenames": [f"{i}.png" for i in range(N)]}, protocol=2)


def _write_cifar(folder):
    for i, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        (folder / name).write_bytes(_batch(4, i))
    return folder / "data_batch_2"


def _write_cifar_archive(folder):
    with tarfile.open(folder / "cifar.tar.gz", "w:gz") as archive:
        for i, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
            raw, info = _batch(4, i), tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return folder / "cifar.tar.gz"


def _write_pictures(ending):
    def write(folder):
        from PIL import Image
        for i in range(12):
            Image.fromarray(_images(1, 8, 6, 3, seed=i)[0]).save(folder / f"{i:02}{ending}")
        return folder / f"03{ending}"
    return write


def _write_amat(folder):
    for name, N in (("train", 12), ("valid", 6), ("test", 6)):
        bits = np.random.default_rng(N).integers(0, 2, (N, 784))
        (folder / f"binarized_mnist_{name}.amat").write_text("\n".join(" ".join(map(str, row))
                                                                       for row in bits) + "\n")
    return folder / "binarized_mnist_train.amat"


def _read_data(whole):
    def read(path):
        from npixel import data
        d = data.load(path if whole else path.parent)
        for split in (d.train, d.valid, d.test):
            assert split.ndim == 4 and split.shape[1:] == d.image_shape, "shapes"
            assert split.dtype.kind in "ui" and (split.size == 0 or 0 <= split.min()
                                                 and split.max() < d.levels), "levels"
        return "read"
    return read


def _write_checkpoint(name, **config):
    def write(folder):
        import npixel
        npixel.build(name, image_shape=(4, 3, 1), **config).save(folder / "c.npz")
        return folder / "c.npz"
    return write


def _read_checkpoint(path):
    import npixel
    model = npixel.load(path)
    H, W, C = model.image_shape
    assert H * W * C <= 10 ** 6, "sizes"
    if H * W * C > 64 or model.num_parameters > 10 ** 5:
        return "read"
    p = model.log_prob(np.zeros((1, H, W, C), np.uint8))
    assert np.isfinite(p).all() and (p <= 0).all(), f"log-likelihood {p}"
    return "read"


def _write_run(folder):
    from npixel.cli import main
    saved = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    try:
        main(["train", "pixelcnn", "--data", "noisy_rule:4x4", "--layers", "1", "--hidden", "4",
              "--steps", "2", "--out", str(folder / "run.npz")])
    finally:
        sys.stdout, sys.stderr = saved
    return folder / "run.npz"


KINDS = {
    "json": (_write_process("m.json"), _read_process),
    "npz": (_write_process("m.npz"), _read_process),
    "choices": (_write_process("m.npz", choices=True), _read_process),
    "drn": (_write_process("m.drn"), _read_process),
    "mdp": (_write_cassandra, _read_process),
    "pomdp": (_write_text("m.pomdp", POMDP), _read_process),
    **{name.removeprefix("m."): (_write_tra(name), _read_process) for name in BESIDE},
    "certificate average": (_certificates("average"), _read_certificate("average")),
    "certificate total": (_certificates("total"), _read_certificate("total")),
    "certificate finite": (_certificates("finite_horizon"), _read_certificate("finite_horizon")),
    "policy": (_write_policy, _read_policy),
    "images": (_write_arrays(), _read_data(True)),
    "images of 4 levels": (_write_arrays(levels=4, labels=np.arange(40) % 3), _read_data(True)),
    "idx": (_write_idx("train-images-idx3-ubyte.gz"), _read_data(False)),
    "idx labels": (_write_idx("t10k-labels-idx1-ubyte.gz"), _read_data(False)),
    "cifar": (_write_cifar, _read_data(False)),
    "cifar archive": (_write_cifar_archive, _read_data(True)),
    "png": (_write_pictures(".png"), _read_data(False)),
    "gif": (_write_pictures(".gif"), _read_data(False)),
    "jpg": (_write_pictures(".jpg"), _read_data(False)),
    "amat": (_write_amat, _read_data(False)),
    "checkpoint": (_write_checkpoint("pixelcnn", hidden=4, layers=1), _read_checkpoint),
    "checkpoint row_lstm": (_write_checkpoint("row_lstm", hidden=4, layers=1), _read_checkpoint),
    "run": (_write_run, _read_checkpoint),
}


# the damage

def damage(rng, raw, name):
    """Bytes of a whole file -> bytes of a damaged one."""
    if name.endswith(".npz") and rng.random() < 0.5:
        return _arrays(rng, raw)
    if name.endswith(".gz") and rng.random() < 0.5:
        return gzip.compress(damaged_bytes(rng, gzip.decompress(raw)))
    if name.endswith(".json") and rng.random() < 0.6:
        return _json(rng, raw)
    binary = name.endswith((".npz", ".gz", ".png", ".gif", ".jpg")) or b"\0" in raw
    if not binary and rng.random() < 0.75:
        return _text(rng, raw)
    return damaged_bytes(rng, raw)


EXTREME = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0")


def damaged_bytes(rng, raw):
    """Bytes changed, cut, repeated, put in, or made extreme where headers are."""
    raw, kind = bytearray(raw), rng.integers(6)
    i, j = sorted(int(x) for x in rng.integers(0, len(raw) + 1, 2))
    if kind == 0:
        for at in rng.integers(0, len(raw), int(rng.integers(1, 5))):
            raw[at] = int(rng.integers(256))
    elif kind == 1:
        del raw[i:]
    elif kind == 2:
        del raw[i:min(j, i + 20)]
    elif kind == 3:
        raw[i:i] = rng.bytes(int(rng.integers(1, 20)))
    elif kind == 4:
        raw[i:i] = raw[i:j]
    else:
        at = int(rng.integers(0, min(len(raw), 200) + 1))
        raw[at:at + 4] = EXTREME[rng.integers(len(EXTREME))]
    return bytes(raw)


def _text(rng, raw):
    lines, kind = raw.split(b"\n"), rng.integers(6)
    at = int(rng.integers(len(lines)))
    if kind == 0 and len(lines) > 1:
        del lines[at]
    elif kind == 1:
        lines.insert(int(rng.integers(len(lines))), lines[at])
    elif kind == 2:
        del lines[at:]
    elif kind == 3:
        return b"[" * int(rng.choice([1, 200000])) + raw
    else:
        found = list(re.finditer(rb"-?\d[\d.e/+-]*|\"[^\"]*\"|null|true|false", raw))
        if found:
            chosen = {found[int(k)] for k in rng.integers(0, len(found), int(rng.integers(1, 3)))}
            for match in sorted(chosen, key=lambda m: -m.start()):
                raw = raw[:match.start()] + str(rng.choice(NUMBERS)).encode() + raw[match.end():]
            return raw
    return b"\n".join(lines)


JSON_NUMBERS = [n for n in NUMBERS if n not in ("", "x", "nan", "inf", "1/3", "1/0", "1e999999999")]


def _copy_of(node, key):
    """What stands at a place of the tree; near it, if that place is gone."""
    if isinstance(node, dict):
        return copy.deepcopy(node.get(key))
    return copy.deepcopy(node[min(key, len(node) - 1)]) if node else None


def _json(rng, raw):
    """One value anywhere in the tree is replaced, removed or repeated: the text stays JSON."""
    tree, places = json.loads(raw), []

    def walk(node):
        for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
            places.append((node, key))
            if isinstance(value, (dict, list)):
                walk(value)
    walk(tree)
    for _ in range(int(rng.integers(1, 3))):
        node, key = places[int(rng.integers(len(places)))]
        # mostly the leaves, which are the numbers
        while isinstance(node, (dict, list)) and rng.random() < 0.7:
            node, key = places[int(rng.integers(len(places)))]
            there = isinstance(node, dict) or key < len(node)
            value = node.get(key) if isinstance(node, dict) else node[key] if there else None
            if there and not isinstance(value, (dict, list)):
                break
        other = places[int(rng.integers(len(places)))]
        kind = rng.integers(5)
        gone = key >= len(node) if isinstance(node, list) else key not in node
        if gone:
            continue
        if kind == 0:
            del node[key]
        elif kind == 1:
            node[key] = _copy_of(*other)
        elif kind == 2:
            node[key] = json.loads(str(rng.choice(JSON_NUMBERS)))
        elif kind == 3:
            node[key] = str(rng.choice([*NUMBERS, "Sleep", "C1", "0x7", "0x0"]))
        elif isinstance(node, dict):
            node[f"{key}2"] = node[key]
        else:
            node.append(node[key])
    return json.dumps(tree).encode()


def _arrays(rng, raw):
    with np.load(io.BytesIO(raw), allow_pickle=False) as z:
        arrays = {name: z[name] for name in z.files}
    name = str(rng.choice(list(arrays)))
    x, kind = arrays[name], int(rng.integers(7))
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[name] = arrays[str(rng.choice(list(arrays)))]
    elif kind == 2 and x.size:
        arrays[name] = x.ravel()[:int(rng.integers(x.size))]
    elif kind == 3:
        number = x.dtype.kind in "iufb"
        kinds = ["f4", "f8", "i1", "u8", "U3", "?"]
        arrays[name] = x.astype(rng.choice(kinds)) if number else np.arange(3)
    elif kind == 4:
        arrays[name + "2"] = x
    elif kind == 5 and x.dtype.kind == "U":
        if x.size:
            x = np.array(_text(rng, str(x.ravel()[0]).encode()).decode("latin1"))
        arrays[name] = x
    elif x.size and x.dtype.kind in "iuf":
        x = x.astype(np.int64) if x.dtype.kind == "i" else x.copy()
        low, high = -np.inf, np.inf
        if x.dtype.kind in "iu":
            low, high = np.iinfo(x.dtype).min, np.iinfo(x.dtype).max
        value = float(rng.choice([0, 1, -1, 2, 7, 1e8, 2 ** 32 + 1, 1e300, np.nan, np.inf]))
        if x.dtype.kind in "iu":
            value = int(min(max(value, low), high)) if np.isfinite(value) else 0
        with np.errstate(over="ignore"):               # 1e300 is inf as a float32
            x.flat[int(rng.integers(x.size))] = value
        arrays[name] = x
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.savez(out, **arrays)
    return out.getvalue()


# one file, one batch, all of them

def _line(error):
    text = str(error).strip()
    assert text and "\n" not in text, f"a message of several lines, or none: {text!r}"


class Late(BaseException):
    pass


def _late(*_):
    raise Late


def one(kind, seed):
    """One damaged file -> (outcome, text): refused, read..., or traceback, hang, wrong.

    Seed -1 is the whole file.
    """
    write, read = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder))
        if seed >= 0:
            rng = np.random.default_rng([*kind.encode(), seed])
            path.write_bytes(damage(rng, path.read_bytes(), path.name))
        signal.alarm(SECONDS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return read(path), ""
        except (ValueError, OSError) as error:
            try:
                _line(error)
            except AssertionError as several:
                return "wrong", str(several)
            return "refused", str(error).replace(folder, "...")
        except AssertionError:
            return "wrong", traceback.format_exc()
        except Late:
            return "hang", f"more than {SECONDS} seconds"
        except Exception:                    # noqa: BLE001    a traceback is a finding
            return "traceback", traceback.format_exc()
        finally:
            signal.alarm(0)


def batch(kind, seeds):
    """The child: a line of JSON for each file."""
    # far above the limit, so that the machine lives
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _late)
    printed = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for seed in seeds:
        outcome, text = one(kind, seed)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20
        if peak > GIGABYTES:
            outcome, text = "memory", f"{peak:.1f} GB; {outcome} {text}"
        print(json.dumps({"seed": seed, "outcome": outcome, "text": text[-1500:]}), file=printed)
        if peak > GIGABYTES:
            return                           # the peak never goes down: a new process


def run(kind, seeds):
    """Every seed of one kind, in as many children as it takes -> list of (seed, outcome, text)."""
    seeds, found = list(seeds), []
    while seeds:
        command = [sys.executable, __file__, "--child", kind,
                   "--seeds=" + ",".join(map(str, seeds))]
        child = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               timeout=None)
        lines = [json.loads(line) for line in child.stdout.splitlines()]
        found += [(line["seed"], line["outcome"], line["text"]) for line in lines]
        seeds = seeds[len(lines):]
        if seeds and not (lines and lines[-1]["outcome"] == "memory"):
            found.append((seeds[0], "crash", f"status {child.returncode}: {child.stderr[-1500:]}"))
            seeds = seeds[1:]
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description="Damaged files for every reader.")
    parser.add_argument("--count", type=int, default=10000, help="files over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--show", type=int, default=3, help="findings that are printed per kind")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seeds", help=argparse.SUPPRESS)
    a = parser.parse_args(argv)
    if a.child:
        batch(a.child, [int(seed) for seed in a.seeds.split(",")])
        return 0
    each, bad = -(-a.count // len(a.kinds)), 0
    for kind in a.kinds:
        (_, outcome, text), *found = run(kind, [-1, *range(a.seed, a.seed + each)])
        if not outcome.startswith(("read", "verified", "evaluated")):
            raise SystemExit(f"{kind}: the file is not even read when it is whole: "
                             f"{outcome} {text}")
        count = Counter(outcome for _, outcome, _ in found)
        print(f"{kind}: {len(found)} files: "
              + ", ".join(f"{n} {outcome}" for outcome, n in sorted(count.items())), flush=True)
        findings = [entry for entry in found
                    if entry[1] in ("wrong", "traceback", "hang", "crash", "memory")]
        bad += len(findings)
        for seed, outcome, text in findings[:a.show]:
            print(f"  seed {seed}: {outcome}: {text}", flush=True)
    print(f"{each * len(a.kinds)} files, {bad} findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
