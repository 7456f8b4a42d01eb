// Package filters carries the engine's seccomp programs in compiled form.
//
// The engine looks for compiled programs before it compiles its rules, which
// takes about 10 ms of every start of a sandbox and of a gofer. Its own
// releases are built with them; in its Go module the registry is there but
// empty (runsc/boot/filter/filter_precompiled.go,
// runsc/fsgofer/filter/filter_precompiled.go). The programs here are made by
// the engine's own precompiler from its own rules, and a test makes them again
// and compares.
//
// The engine finds a program by its configuration, the architecture included,
// and does not ask which rules it was made from. So the programs are for one
// engine source, and a binary with any other registers none of them. Whatever
// is not registered, the engine compiles.
package filters

import (
	"embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	_ "unsafe" // for linkname

	"gvisor.dev/gvisor/pkg/seccomp/precompiledseccomp"
	sentryfilter "gvisor.dev/gvisor/runsc/boot/filter"
	goferfilter "gvisor.dev/gvisor/runsc/fsgofer/filter"
)

//go:generate go run ./generate

//go:embed programs
var programs embed.FS

// EngineFile is the file beside the programs that says, as [EngineSum] does,
// which engine source they were made from.
const EngineFile = "ENGINE"

// buildInfo is what the binary says of the modules in it.
var buildInfo = debug.ReadBuildInfo

// The engine's registries. If they move, the linker says so.
//
//go:linkname sentryPrograms gvisor.dev/gvisor/runsc/boot/filter.precompiledPrograms
var sentryPrograms map[string]precompiledseccomp.Program

//go:linkname goferPrograms gvisor.dev/gvisor/runsc/fsgofer/filter.precompiledPrograms
var goferPrograms map[string]precompiledseccomp.Program

// RegisterSentry gives the engine the programs for sandbox processes with or
// without the host file system calls.
func RegisterSentry(hostFilesystem bool) error {
	sentryfilter.GetPrecompiled("") // creates the registry
	return register("sentry", fmt.Sprintf(" HostFilesystem=%t ", hostFilesystem), sentryPrograms)
}

// RegisterGofer gives the engine the programs for gofers.
func RegisterGofer() error {
	goferfilter.GetPrecompiled("") // creates the registry
	return register("gofer", "", goferPrograms)
}

// EngineSum returns the checksum of the engine module that is linked into this
// binary, as go.sum has it: a hash of all its files. The toolchain and other
// modules do not count: rules become programs by the engine's own code, from
// constants that are the kernel's ABI. It is empty where the binary does not
// say, like those of go test, or where the source has no checksum, like a
// directory that replaces the module.
func EngineSum() string {
	info, ok := buildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path != "gvisor.dev/gvisor" {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		return m.Sum
	}
	return ""
}

// madeForThisEngine reports whether the programs carried are those of the
// engine that is linked into this binary.
func madeForThisEngine() (bool, error) {
	made, err := programs.ReadFile("programs/" + EngineFile)
	if err != nil {
		return false, fmt.Errorf("compiled seccomp programs: %w", err)
	}
	sum := EngineSum()
	return sum != "" && sum == strings.TrimSpace(string(made)), nil
}

// register loads the programs whose name contains part. They are made for
// PID 1, which sandboxes and gofers are in their PID namespaces: the rules of
// the engine's platforms have the number of the process that compiles them in
// a place where its precompiler expects none.
func register(kind, part string, into map[string]precompiledseccomp.Program) error {
	if os.Getpid() != 1 {
		return nil
	}
	if ok, err := madeForThisEngine(); err != nil || !ok {
		return err
	}
	dir := "programs/" + kind
	files, err := programs.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("compiled seccomp programs: %w", err)
	}
	for _, f := range files {
		b, err := programs.ReadFile(dir + "/" + f.Name())
		if err != nil {
			return fmt.Errorf("compiled seccomp programs: %w", err)
		}
		p, err := decode(b, part)
		if err != nil {
			return fmt.Errorf("compiled seccomp program %s: %w", f.Name(), err)
		}
		if p.Name != "" {
			into[p.Name] = p
		}
	}
	return nil
}

// A file holds the name of a program, a line feed, where its variables are as
// JSON, a line feed, and its code in little-endian words.

// Encode returns the content of a program's file.
func Encode(p precompiledseccomp.Program) ([]byte, error) {
	vars, err := json.Marshal(p.VarOffsets)
	if err != nil {
		return nil, err
	}
	b := []byte(p.Name + "\n" + string(vars) + "\n")
	for _, w := range p.Bytecode32 {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b, nil
}

// decode returns the zero Program where the name does not contain part.
func decode(b []byte, part string) (p precompiledseccomp.Program, err error) {
	name, rest, ok := strings.Cut(string(b), "\n")
	vars, code, ok2 := strings.Cut(rest, "\n")
	if !ok || !ok2 || len(code)%4 != 0 {
		return p, fmt.Errorf("malformed file")
	}
	if !strings.Contains(name, part) {
		return p, nil
	}
	p.Name = name
	if err := json.Unmarshal([]byte(vars), &p.VarOffsets); err != nil {
		return p, err
	}
	p.Bytecode32 = make([]uint32, len(code)/4)
	for i := range p.Bytecode32 {
		p.Bytecode32[i] = binary.LittleEndian.Uint32([]byte(code[4*i : 4*i+4]))
	}
	return p, nil
}
