#!/usr/bin/env bash
# Fetches what setup/opensearch/pom.xml names into a folder, through Maven as this machine has it set up, or from MAVEN_REPOSITORY. Does nothing when it is there.
set -euo pipefail

folder=${1:?the folder for the jars}
pom=$(dirname "$0")/opensearch/pom.xml
sum=$(sha256sum "$pom" | cut -d' ' -f1)
[ "$(cat "$folder/.of" 2>/dev/null)" = "$sum" ] && exit 0

settings=()
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -n "${MAVEN_REPOSITORY:-}" ]; then
  cat >"$scratch/settings.xml" <<XML
<settings>
  <mirrors>
    <mirror>
      <id>chosen</id>
      <mirrorOf>*</mirrorOf>
      <url>$MAVEN_REPOSITORY</url>
    </mirror>
  </mirrors>
</settings>
XML
  settings=(-s "$scratch/settings.xml")
fi
echo "fetching OpenSearch"
rm -rf "$folder"
mvn -q -B "${settings[@]}" -f "$pom" dependency:copy-dependencies "-DoutputDirectory=$(realpath -m "$folder")"
echo "$sum" >"$folder/.of"
