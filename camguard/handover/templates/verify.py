"""Checks a camguard export without camguard: python3 -I verify.py [FOLDER]. Any Python from 3.8 on will do."""

import hashlib
import json
import os
import sys

WRONG = "SOMETHING IS WRONG: "
os.chdir(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
with open("manifest.json", encoding="utf-8") as file:
    manifest = json.load(file)
files, chain, sums = manifest["files"], manifest["chain"], ""
for name in sorted({*files, *os.listdir()} - {"SHA256SUMS"}):  # all that was exported is there, and nothing else
    if not os.path.isfile(name) or name not in {*files, "manifest.json"}:
        sys.exit(f"{WRONG}{name} is missing, or is no part of the export")
    digest = hashlib.sha256()
    with open(name, "rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != files.get(name, {"sha256": digest.hexdigest()})["sha256"]:
        sys.exit(f"{WRONG}{name} is not what was exported")
    sums += f"{digest.hexdigest()}  {name}\n"
with open("SHA256SUMS", encoding="utf-8", newline="") as file:
    if file.read() != sums:
        sys.exit(f"{WRONG}manifest.json or SHA256SUMS is not what was exported")
with open("entries.jsonl", "rb") as entries, open("hashes.txt", "rb") as hashes:
    for run in chain["runs"]:  # an entry's hash: SHA-256 of the hash before it (32 bytes) and its line, without \n
        before = bytes.fromhex(run["after"] or "")
        for seq in range(run["first"], run["last"] + 1):
            line, said = entries.readline(), hashes.readline()
            known = said[-65:-1].decode()
            after = hashlib.sha256(before + line[:-1]).hexdigest() if chain["checkable"] else known
            if said != f"{seq} {after}\n".encode() or not line.endswith(f',"seq":{seq},"v":1}}\n'.encode()):
                sys.exit(f"{WRONG}entry {seq} is not what was written, or what came before it is missing")
            before = bytes.fromhex(after)
        if before.hex() != run["hash"]:
            sys.exit(f"{WRONG}entry {run['last']} is not the one that the manifest names")
    if chain["runs"] and entries.read(1) + hashes.read(1):
        sys.exit(f"{WRONG}there are more entries than the manifest names")
print(f"All files are as they were exported. {chain['said']}")
