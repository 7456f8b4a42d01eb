package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// followed are functions of the engine whose outcome this package must know
// before they run, with digests of what they were when that was written.
var followed = []struct{ file, function, digest, by string }{
	{"runsc/cmd/do.go", "Do.Execute", "5ad4ad47e0076a73", "doNetwork"},
	{"runsc/cmd/do.go", "Do.FetchSpec", "1f3d0ac033a6d72c", "isDrawnID"},
	{"runsc/cmd/do.go", "Do.setupNet", "a6b29757a87a17c6", "doNetwork and (*do).prepare"},
	{"runsc/cmd/do.go", "defaultDevice", "acd3462af5710a10", "hasDefaultRoute"},
	{"runsc/cmd/do.go", "startContainerAndWait", "72de63024a7d93e6", "(*do).prepare"},
	{"runsc/cmd/sandboxexec.go", "SandboxExec.Execute", "d17e0382aa0f3d8f", "sandboxExec.Execute"},
	{"runsc/cmd/delete.go", "Delete.execute", "9c55e50e0326e373", "deleteContainer"},
	{"runsc/container/container.go", "Container.startImpl", "e2a4208b832d635d", "startMember"},
	{"runsc/cmd/sentry/sentrycmd/umount_unsafe.go", "Umount.Execute", "379ee4fe450bcdcf", "preinit.unmount"},
	{"runsc/cmd/sandboxsetup/process.go", "ExecProcUmounter", "e43fe84acd874f5e", "preinit.unmountArgs"},
	{"runsc/cmd/sandboxsetup/caps_unsafe.go", "ResolveThreadCaps", "2b39e1fa63b22f1d", "preinit.trim"},
	{"runsc/cmd/sandboxsetup/caps_unsafe.go", "ResolvedThreadCaps.Apply", "e990662c001a9da5", "preinit.trim"},
	{"runsc/cmd/sentry/sentrycmd/boot.go", "Boot.Execute", "0b48968d5b096eab", "engine.SandboxBounding"},
	{"runsc/sandbox/sandbox.go", "setCloExeOnAllFDs", "8345f1e5150554bd", "supervise.Start"},
	{"pkg/sentry/fsimpl/user/path.go", "ResolveExecutablePath", "aaaf5be69f6071c9", "firstprocess.resolve"},
	{"pkg/sentry/fsimpl/user/path.go", "resolve", "b6d716341a48ad98", "firstprocess.resolve"},
	{"pkg/sentry/fsimpl/user/user.go", "MaybeAddExecUserHome", "d1ae11f6cc676645", "firstprocess.withHome"},
	{"pkg/sentry/fsimpl/user/user.go", "findHomeInPasswd", "7e1b3f49d96ae8e2", "firstprocess.home"},
	{"pkg/sentry/fsimpl/user/user.go", "getExecUserHome", "c7eebe8ab2c3ca0e", "firstprocess.home"},
	{"runsc/boot/vfs.go", "setupContainerVFS", "59bca5096b079181", "firstprocess.makeCwd"},
	{"pkg/sentry/kernel/kernel.go", "Kernel.CreateProcess", "0d6c99ebacac4572", "firstprocess.become"},
	{"pkg/sentry/kernel/auth/capability_set.go", "ComputeCredsForExec", "6be72d3afb26f1a4", "firstprocess (identity.permitted)"},
	{"pkg/sentry/kernel/task_exec.go", "runExecveAfterSiblingExitStop.execute", "bb0e62674fed409c", "firstprocess (identity.permitted)"},
	{"pkg/sentry/fsimpl/overlay/overlay.go", "FilesystemType.GetFilesystem", "c5e4f540385d45a7", "firstprocess (Overlay.data)"},
	{"runsc/boot/loader.go", "Loader.createContainerProcess", "452913ad7ffd2e9f", "firstprocess.Config"},
}

func TestEngineIsTheOneThatIsFollowed(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gvisor.dev/gvisor").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range followed {
		if got := digest(t, filepath.Join(strings.TrimSpace(string(out)), f.file), f.function); got != f.digest {
			t.Errorf("%s: the engine's %s has changed: check %s against it, and write %q here", f.file, f.function, f.by, got)
		}
	}
}

// digest is of a function without its comments.
func digest(t *testing.T, file, function string) string {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && nameOf(fn) == function {
			fn.Doc = nil
			h := sha256.New()
			if err := format.Node(h, fset, fn); err != nil {
				t.Fatal(err)
			}
			return hex.EncodeToString(h.Sum(nil))[:16]
		}
	}
	t.Fatalf("%s has no %s", file, function)
	return ""
}

func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return ""
}
