#!/usr/bin/env bash
# Installs the npm packages of the lock file, Node among them. Their install scripts do not run: none is needed, and root runs this.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "holdfast: $1" >&2
  rm -f node_modules/.package-lock.json
  exit 1
}

command -v npm >/dev/null || fail "npm is missing; install it with: apt-get install npm"
echo "installing npm packages"
npm ci --ignore-scripts --include=dev --include=optional --no-fund --no-audit --loglevel=error

# The packages of both architectures bring a command `node`; npm 10 and older then link neither.
node="node-linux-$(node -p process.arch)"
[ -x "node_modules/$node/bin/node" ] || fail "npm left out the package $node; see that the registry has it, then run: make setup"
ln -sfn "../$node/bin/node" node_modules/.bin/node
# npm takes an optional package that it cannot download for unimportant; agent and collector cannot do without their libraries.
for library in koffi @duckdb/node-bindings; do
  node_modules/.bin/node -e "require('$library')" ||
    fail "$library does not load; see that the registry has its package for this machine, then run: make setup"
done
# Else the first agent on a machine keeps 30 MiB more than the later ones.
bin/holdfast load-programs
touch node_modules/.package-lock.json
