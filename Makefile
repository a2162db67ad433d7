# Every target works from a fresh clone: what is missing is installed first.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help

.PHONY: test-opensearch demo-runtimes conformance-cni conformance-cnm test-simulation help setup up down demo check fix docs test test-unit test-system test-e2e test-uml test-matrix bench bench-docker bench-ipam bench-cni bench-flow bench-policy

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is needed: Debian packages, npm packages; build the CNI plugin
	@setup/debian.sh
	@$(MAKE) -s node_modules/.package-lock.json packages/cni/build/holdfast

# What a container runtime calls: it brings all that it needs along. With musl, because a static program of glibc takes the kernel a quarter of a
# millisecond more to start and to end.
packages/cni/build/holdfast: packages/cni/src/shim.c
	@mkdir -p $(@D)
	@musl-gcc -std=gnu11 -O2 -static -s -Wall -Wextra -Werror -o $@ $<

# Node itself needs libatomic.
node_modules/.package-lock.json: package-lock.json
	@setup/debian.sh libatomic1
	@setup/npm.sh

up: setup ## Run the platform on this machine on embedded defaults
	@bin/holdfast up $(UP)

down: node_modules/.package-lock.json ## End what `make up` started; PURGE=1 forgets the address book, too
	@bin/holdfast down $(if $(PURGE),--purge)

demo: setup ## A container moves between two lab hosts and keeps its address
	@bin/holdfast lab demo

demo-runtimes: setup ## One identity moves from a Docker container to a Kubernetes pod and back
	@setup/debian.sh containernetworking-plugins
	@bin/holdfast lab demo --runtimes

check: node_modules/.package-lock.json ## Format, lint, types, architecture: seconds
	@biome ci --error-on-warnings .
	@oxlint --type-aware
	@tsc -p tsconfig.json
	@tsc -p tsconfig.neutral.json
	@vitest run --project unit test/

fix: node_modules/.package-lock.json ## Format and repair what can be repaired by itself
	@biome check --write .

docs: node_modules/.package-lock.json ## Write the generated pages
	@bin/holdfast options-page > docs/configuration.md

test: setup test-unit test-simulation test-system test-e2e ## All tests, end-to-end ones included

test-unit: node_modules/.package-lock.json ## Tests without privileges
	@vitest run --project unit

test-simulation: node_modules/.package-lock.json ## Controllers, agents and runtimes from seeds: SEED=1 SCENARIOS=2000
	@node test/simulation/run.ts --seed $(or $(SEED),1) --scenarios $(or $(SCENARIOS),2000)

test-system: setup ## Tests on the kernel and Open vSwitch, as root
	@setup/debian.sh redis-tools
	@vitest run --project system
	@vitest run --project datapath

test-e2e: setup ## Tests on whole lab hosts with Docker, containerd and podman, as root
	@setup/debian.sh podman containernetworking-plugins
	@vitest run --project e2e
	@vitest run --project e2e-alone

conformance-cni: setup ## A CNI plugin against the specification: PLUGIN=FILE CONF=FILE FLAGS=--help; without: ours and Debian's
ifdef PLUGIN
	@node test/conformance/cni/main.ts --plugin $(PLUGIN) --conf $(CONF) $(FLAGS)
else
	@$(if $(FLAGS),node test/conformance/cni/main.ts $(FLAGS),setup/debian.sh containernetworking-plugins && HOLDFAST_CONFORMANCE=all vitest run --project e2e test/e2e/cni-conformance.test.ts)
endif

conformance-cnm: setup ## A Docker network plugin against what Docker expects: SOCKET=FILE POOL=PREFIX FLAGS=--help; without: ours
ifdef SOCKET
	@node test/conformance/cnm/main.ts --socket $(SOCKET) --pool $(POOL) $(FLAGS)
else
	@$(if $(FLAGS),node test/conformance/cnm/main.ts $(FLAGS),vitest run --project e2e test/e2e/cnm-conformance.test.ts)
endif

test-matrix: setup ## All cases of the policy matrix on both data paths; make test has a quarter of those of Open vSwitch
	@HOLDFAST_MATRIX_EVERY=1 vitest run --project datapath --project system packages/datapath/test/policy-matrix.test.ts packages/datapath/test/kernel/policy-matrix.test.ts

# In namespaces of its own: nothing reaches out, nothing reaches in, and all of it is gone when they are.
OPENSEARCH := node_modules/.cache/opensearch
test-opensearch: setup ## Opt-in: the flow store in a real OpenSearch, whose jars come through Maven or from MAVEN_REPOSITORY
	@setup/debian.sh openjdk-17-jre-headless maven openssl
	@setup/opensearch.sh $(OPENSEARCH)
	@HOLDFAST_OPENSEARCH=$(CURDIR)/$(OPENSEARCH) unshare --net --mount --pid --fork --kill-child --mount-proc sh -c \
	  'ip link set lo up && mount -t tmpfs -o size=4g tmpfs /tmp && exec vitest run --project system packages/collector/test/opensearch'

test-uml: setup ## Opt-in, minutes: the data path on a kernel with the openvswitch module
	@setup/debian.sh user-mode-linux
	@HOLDFAST_UML=1 vitest run --project datapath packages/datapath/test/uml

bench: bench-docker bench-ipam bench-cni bench-flow bench-policy ## All benchmarks

bench-docker: setup ## docker run, attach, drift between hosts, memory; Docker's bridge in the same run
	@node bench/docker.ts

bench-ipam: setup ## Claims over HTTP, bulk, fullness, restart, memory; host-local and Docker's IPAM in the same run
	@setup/debian.sh containernetworking-plugins
	@node bench/ipam.ts

bench-cni: setup ## CNI calls on both data paths, storm, memory, traffic; Debian's bridge and ptp in the same run
	@setup/debian.sh containernetworking-plugins iperf3 qperf gcc libc6-dev
	@node bench/cni.ts

bench-policy: setup ## Rules and address sets on both data paths, limits and guarantees; iptables in the same run
	@setup/debian.sh iperf3 gcc libc6-dev
	@node bench/policy.ts

bench-flow: setup ## sFlow: decoding, the collector's pipeline, questions; sfcapd and sfacctd in the same run
	@setup/debian.sh nfdump-sflow pmacct redis-tools
	@node bench/flow.ts
