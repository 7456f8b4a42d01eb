# make help lists the targets.

MIN_GO      := 1.26.3
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GREMLINS    := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

# How many inputs make fuzz-short gives each target.
FUZZCOUNT ?= 3000

# How often make test-faults kills in each of its tests.
KILLS ?= 300

# How often make soak-clients starts something, and how often it kills.
CYCLES    ?= 1000
SOAKKILLS ?= 200

# The length of the hash does not depend on what else is in the clone.
VERSION := $(shell git describe --always --dirty --abbrev=12 --match 'v[0-9]*' 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/directfs/runsc/runsc/cli.Version=$(VERSION)

# Packages that do not link the engine: building them with -race is cheap.
PURE := ./directfspolicy/... ./pkg/...

# The module of object stores, whose dependencies are its own.
BLOB        := pkg/volume/blob
# BLOBPURE are its packages that do not link the stores' libraries.
BLOBPURE    := . ./internal/crc64nvme ./internal/disk ./internal/ids ./internal/names ./internal/volumed/metrics
BLOBLDFLAGS := -s -w -X github.com/directfs/runsc/pkg/volume/blob/internal/volumed.Version=$(VERSION)

# The containerd shim's module, whose dependencies are its own.
SHIM        := runsc/shim
SHIMLDFLAGS := -s -w -X github.com/containerd/containerd/v2/version.Version=$(VERSION) -X github.com/containerd/containerd/v2/version.Package=github.com/directfs/runsc/runsc/shim

# The module of tests with real container engines, and that of the engines which
# are built for them.
CLIENTS     := runsc/internal/clients
CONTAINERD  := $(CLIENTS)/tools/containerd
OCITOOLS    := $(CLIENTS)/tools/runtimetools
# Programs of Kubernetes for them, which are built once.
KUBERNETES  := bin/clients/etcd bin/clients/kube-apiserver bin/clients/kubectl

# One set of flags for all that links the engine, so that it is compiled once.
# The version comes from git describe above; Go need not ask git again, which
# fails in a checkout that belongs to another user.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(shell go env GOFLAGS 2>/dev/null) -buildvcs=false -trimpath)
export RUNSC_BIN := $(CURDIR)/bin/runsc

# PROGRAMS are all that are built and packaged, and BIN is where they go.
BIN      := bin
PROGRAMS := runsc volumed containerd-shim-runsc-v1

# What make package builds for, and the time that all files in a package have.
ARCHES ?= amd64 arm64
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help build demo demo-blob test test-clients soak-clients test-kubelet conformance manifests test-faults lint fuzz-short mutants bench bench-quick bench-volumes bench-overlays bench-webhook package test-package clean check-go check-machine check-tools check-engines

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: check-go $(PROGRAMS:%=$(BIN)/%) ## build bin/runsc, bin/volumed and bin/containerd-shim-runsc-v1, static

.PHONY: $(PROGRAMS:%=$(BIN)/%)
$(BIN)/runsc:
	@echo "building $@ (the first time takes some minutes)"
	@go build -ldflags '$(LDFLAGS)' -o $@ ./runsc

$(BIN)/volumed:
	@echo "building $@"
	@go build -C $(BLOB) -ldflags '$(BLOBLDFLAGS)' -o '$(CURDIR)/$@' ./cmd/volumed

$(BIN)/containerd-shim-runsc-v1:
	@echo "building $@"
	@go build -C $(SHIM) -ldflags '$(SHIMLDFLAGS)' -o '$(CURDIR)/$@' .

package: check-go ## Debian packages, tarballs and SBOMs in dist, for ARCHES (default amd64 arm64)
	@rm -rf dist
	@for arch in $(ARCHES); do GOARCH=$$arch $(MAKE) --no-print-directory build BIN=dist/build/$$arch || exit; done
	@go run -C runsc/packaging . -root '$(CURDIR)' -programs '$(CURDIR)/dist/build' -out '$(CURDIR)/dist' -version '$(VERSION)' -epoch '$(or $(SOURCE_DATE_EPOCH),-1)'
	@rm -rf dist/build

test-package: check-go ## build packages twice, compare, and install one in a clean Debian (root; ten minutes)
	cd runsc/packaging && go test -count=1 -timeout 1h -v ./packagetest

# containerd 2, its clients and the clients of its CRI, built once.
bin/clients/containerd: $(CONTAINERD)/go.mod $(CONTAINERD)/go.sum
	@echo "building containerd and crictl (the first time takes some minutes)"
	@mkdir -p bin/clients
	@go build -C $(CONTAINERD) -tags 'no_btrfs no_devmapper no_zfs' -o $(CURDIR)/bin/clients/ $$(cd $(CONTAINERD) && go list tool)
	@touch $@

# The suites of conformance, and the runtime that this one is compared with.
bin/clients/critest: $(CONTAINERD)/go.mod $(CONTAINERD)/go.sum
	@echo "building critest"
	@go test -C $(CONTAINERD) -c -o $(CURDIR)/$@ sigs.k8s.io/cri-tools/cmd/critest

bin/clients/runsc-upstream: go.mod go.sum
	@echo "building upstream's runsc"
	@go build -ldflags '-s -w' -o $@ gvisor.dev/gvisor/runsc

bin/clients/runtimetools/runtimetest: $(OCITOOLS)/go.mod $(OCITOOLS)/go.sum
	@echo "building OCI runtime-tools"
	@mkdir -p $(@D)
	@go build -C $(OCITOOLS) -ldflags '-s -w' -o $(CURDIR)/$(@D)/ $$(cd $(OCITOOLS) && go list tool)
	@install -m 644 $$(cd $(OCITOOLS) && go list -m -f '{{.Dir}}' github.com/opencontainers/runtime-tools)/rootfs-amd64.tar.gz bin/clients/runtimetools-rootfs.tar.gz
	@touch $@

demo: check-machine build ## run containers with mixed decisions and look at their sandboxes (root)
	@go run ./runsc/internal/e2e/demo $(DEMOFLAGS)

demo-blob: check-machine build ## run a container with a directfs mount and a bucket, and look at all processes (root)
	@go run ./runsc/internal/e2e/demo -volumed=$(CURDIR)/bin/volumed

# The last command's output ends with go test's summary lines.
test: check-machine check-tools build ## all tests: vet, unit with -race, fuzz seeds, engine drift, end to end (root)
	go vet ./...
	$(call race,$(PURE))
	cd $(BLOB) && go vet ./...
	$(call race,$(BLOBPURE),$(BLOB))
	cd $(BLOB) && go test ./...
	cd $(SHIM) && go vet ./... && go test ./...
	cd benchmarks && go vet ./... && go test ./...
	cd runsc/packaging && go vet ./... && go test .
	go test -count=1 -timeout 20m $$(go list ./... | grep -vxF "$$(go list $(PURE))")

# Packages of different engines do not run at once: each is a machine of its own.
test-clients: check-machine check-engines build bin/clients/containerd $(KUBERNETES) ## tests with real container engines, which are installed from Debian (root)
	cd $(CLIENTS) && go vet ./... && go test -count=1 -p 1 -timeout 30m $$(go list ./... | grep -vE '/(conformance|kubelet)$$')

conformance: check-machine check-engines build bin/clients/containerd bin/clients/critest bin/clients/runsc-upstream bin/clients/runtimetools/runtimetest ## critest and OCI runtime-tools, with upstream's runsc and runc too, fifteen minutes (root)
	cd $(CLIENTS) && go vet ./conformance/... && go test ./conformance/baseline && go test -count=1 -v -parallel 5 -timeout 40m ./conformance

test-kubelet: check-machine check-engines build bin/clients/containerd bin/clients/kubelet ## pods of a real kubelet, four minutes after it is built (root)
	cd $(CLIENTS) && go vet ./kubelet && go test -count=1 -timeout 20m -v ./kubelet

bin/clients/etcd: PROGRAM := go.etcd.io/etcd/server/v3
bin/clients/%: PROGRAM = k8s.io/kubernetes/cmd/$*
# The version is what the API server says that it can emulate.
$(KUBERNETES) bin/clients/kubelet: bin/clients/%: $(CLIENTS)/tools/kubernetes/go.mod
	@echo "building $@ (minutes)"
	@.ci/progress go build -C $(<D) -v -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$$(go list -C $(<D) -m -f '{{.Version}}' k8s.io/kubernetes)" -o $(CURDIR)/$@ $(PROGRAM)

manifests: bin/clients/kubectl ## the plain YAML of runsc/deploy/kubernetes, from its overlays
	@cd runsc/deploy/kubernetes && for o in own-certificate cert-manager; do \
	 { echo "# Generated from overlays/$$o by make manifests; change that."; $(CURDIR)/bin/clients/kubectl kustomize overlays/$$o; } >runsc-$$o.yaml; done

soak-clients: check-machine check-engines build bin/clients/containerd ## start and stop CYCLES containers and pods under containerd, with SOAKKILLS kills of their processes, twenty minutes (root)
	cd $(CLIENTS) && RUNSC_TEST_CLIENT_CYCLES=$(CYCLES) RUNSC_TEST_CLIENT_KILLS=$(SOAKKILLS) go test -count=1 -timeout 4h -v -run '^TestSoak$$' ./containerd

test-faults: check-machine build ## the long tests of faults: KILLS kills (default 300) of what serves a bucket, five minutes (root)
	cd $(BLOB) && RUNSC_TEST_BLOB_KILLS=$(KILLS) go test -count=1 -timeout 2h -v -run '^TestKill$$' . ./internal/e2e

lint: check-go ## gofmt, go vet, staticcheck
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted, run gofmt -w:"; echo "$$files"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	cd $(BLOB) && go vet ./... && go run $(STATICCHECK) ./...
	cd benchmarks && go vet ./... && go run $(STATICCHECK) ./...
	cd $(SHIM) && go vet ./... && go run $(STATICCHECK) ./...
	cd $(CLIENTS) && go vet ./... && go run $(STATICCHECK) ./...
	cd runsc/packaging && go vet ./... && go run $(STATICCHECK) ./...

fuzz-short: check-go ## every fuzz target with FUZZCOUNT inputs (default 3000)
	@.ci/fuzz-short $(FUZZCOUNT)

mutants: check-go ## mutation testing of directfspolicy, some ten minutes
	GOFLAGS="$(GOFLAGS) -count=1 -short -failfast" go run $(GREMLINS) unleash ./directfspolicy

bench: check-machine ## compare with upstream's runsc, runc and the host, half an hour (root; BENCHFLAGS)
	@go build -C benchmarks -o ../bin/bench .
	@bin/bench $(BENCHFLAGS)

bench-quick: ## the same with few and short samples, three minutes
	@$(MAKE) --no-print-directory bench BENCHFLAGS='-quick $(BENCHFLAGS)'

bench-volumes: check-machine build ## compare our object store volumes with FUSE clients (root, FUSE; BENCHFLAGS)
	@go build -C benchmarks -o ../bin/bench .
	@bin/bench volumes $(BENCHFLAGS)

bench-overlays: check-machine ## compare our overlay mounts with overlays mounted by hand, upstream's runsc and runc (root; BENCHFLAGS)
	@go build -C benchmarks -o ../bin/bench .
	@bin/bench overlays $(BENCHFLAGS)

bench-webhook: build ## the admission webhook at 1000 reviews a second, a minute (BENCHFLAGS)
	@go build -C benchmarks -o ../bin/bench .
	@bin/bench webhook $(BENCHFLAGS)

clean: ## remove what make build and make package leave
	rm -rf bin dist

check-go:
	@command -v go >/dev/null || { echo "go is not in PATH; install Go $(MIN_GO) or newer from https://go.dev/dl/ (under sudo: sudo env \"PATH=\$$PATH\" make ...)" >&2; exit 1; }
	@have=$$(go env GOVERSION | sed 's/^go//;s/[^0-9.].*//'); \
	 printf '%s\n%s\n' $(MIN_GO) "$$have" | sort -VC || { echo "Go $$have is too old; install Go $(MIN_GO) or newer from https://go.dev/dl/" >&2; exit 1; }

# Before anything slow is built.
check-machine: check-go
	@go run ./runsc/internal/e2e/demo --check

# What makes file systems for the tests.
check-tools: check-go
	@go run ./runsc/internal/e2e/demo --check-tools

# The container engines that the tests of clients run.
check-engines:
	@.ci/engines

# -race needs cgo, which Go turns off where there is no C compiler.
# In a directory, by default this one.
define race
@cd $(or $(2),.); \
 if [ "$$(env -u CGO_ENABLED go env CGO_ENABLED)" = 1 ]; then set -- env CGO_ENABLED=1 go test -race; \
 else echo "no C compiler: testing without -race"; set -- go test; fi; \
 set -- "$$@" $(1); echo "$$*"; "$$@"
endef
