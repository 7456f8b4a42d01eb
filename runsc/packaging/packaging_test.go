package main

import (
	"bytes"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/cmdline"
	"github.com/directfs/runsc/runsc/packaging/internal/schema"
)

var epoch = time.Unix(1700000000, 0).UTC()

func TestKinds(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                                        "Apache-2.0",
		"Permission is hereby granted, free of\ncharge, to any person obtaining":                              "MIT",
		"Redistribution and use in source and binary forms, with ...":                                         "BSD-2-Clause",
		"Redistribution and use in source and binary forms ... Neither the name":                              "BSD-3-Clause",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                                                "",
		"The parts: Apache License, Version 2.0; Permission is hereby granted, free of charge, to any person": "Apache-2.0 MIT",
	} {
		if got := strings.Join(kindsOf(text), " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// The licence of a directory counts if a package in or below it is linked.
func TestLicenceFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE": "Apache License, Version 2.0", "NOTICE": "Copyright", "a/LICENCE.md": "Permission is hereby granted, free of charge, to any person",
		"a/b/license.go": "package b", "a/b/COPYING": "to be used with care", "LICENSE.docs": "may be shown", "license/x.txt": "",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	l := &licence{texts: map[string]string{}}
	if err := l.read(dir, filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if got := l.expression(); got != "Apache-2.0 AND MIT" || len(l.texts) != 3 {
		t.Errorf("%s, %d texts; want those of LICENSE, NOTICE and a/LICENCE.md", got, len(l.texts))
	}
	if err := l.read(dir, filepath.Join(dir, "a/b")); err == nil || !strings.Contains(err.Error(), "a/b/COPYING is none of the licences") {
		t.Errorf("unknown licence: %v", err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSBOM(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: strings.TrimPrefix(standard(), "std "), Path: ours + "/runsc", Deps: []*debug.Module{
		{Path: "example.com/a", Version: "v1.0.0+incompatible", Sum: "h1:x="},
		{Path: "example.com/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0"}},
		{Path: ours, Version: "(devel)"},
	}}
	programs := []program{{name: "runsc", info: info, sum: sha256.Sum256(nil)}, {name: "other", info: info}}
	l := licences{standard(): {kinds: []string{"BSD-3-Clause"}}, "example.com/a v1.0.0+incompatible": {kinds: []string{"MIT", "Apache-2.0"}}}
	of := sbomOf{version: "0~git1+a-1", arch: "amd64", time: epoch}
	if _, err := sbom(of, programs, l); err == nil || !strings.Contains(err.Error(), "example.com/b v1.0.0") {
		t.Errorf("a module whose licence is not known: %v", err)
	}
	l["example.com/b v1.0.0"] = &licence{kinds: []string{"ISC"}}
	text, err := sbom(of, programs, l)
	if err != nil {
		t.Fatal(err)
	}
	bom, err := schema.Check(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(*bom.Components); got != 5 {
		t.Errorf("%d components, want two programs, two modules and Go's library", got)
	}
	if _, err := schema.Check(bytes.Replace(text, []byte(`"library"`), []byte(`"book"`), 1)); err == nil {
		t.Error("the schema has nothing against a component that is a book")
	}
}

// A tree is written with its own modes and times, whatever the umask.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o077))
	files := tree{{path: "usr/bin/a", mode: 0o755}, {path: "usr/share/b", mode: 0o644, data: []byte("b")}}
	if err := files.write(dir, epoch); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{"": 0o755 | os.ModeDir, "usr": 0o755 | os.ModeDir, "usr/bin/a": 0o755, "usr/share/b": 0o644} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode() != mode || !info.ModTime().Equal(epoch) {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

func TestDebian(t *testing.T) {
	b := build{described: "v1.0.0", time: epoch}
	files := tree{{path: unit, data: []byte("ExecStart=/usr/local/bin/volumed")}, {path: "bin/runsc"}}
	for _, f := range b.debian("1.0.0-1", files) {
		if !strings.HasPrefix(f.path, "usr/") {
			t.Errorf("%s is outside of usr", f.path)
		}
		if f.path == "usr/"+unit && string(f.data) != "ExecStart=/usr/bin/volumed" {
			t.Errorf("the unit has %s", f.data)
		}
	}
}

func TestService(t *testing.T) {
	b := build{root: "../.."}
	f, err := b.service()
	if err != nil || !bytes.Contains(f.data, []byte("ExecStart=/usr/local/bin/volumed serve")) {
		t.Errorf("%s, %v", f.data, err)
	}
}

// Every text by hand is rendered without a warning, also beside what a program
// may say of itself.
func TestManuals(t *testing.T) {
	b := build{described: "v1.0.0", time: epoch}
	odd := ".dot\n'quote \\n \\fB -x\n\ttab `code`\n"
	flags := []cmdline.Flag{{Name: "a-b", Value: "DIR", Usage: odd, Default: "."}, {Name: "s", Switch: true, Usage: odd}}
	p := cmdline.Program{Name: "prog", Flags: flags, Commands: []cmdline.Command{{Name: "run", Group: "x", Synopsis: ".x", Usage: odd, Flags: flags,
		Commands: []cmdline.Command{{Name: "sub", Synopsis: "y"}, {Name: "other", Usage: odd, Flags: flags}}}}}
	page, err := b.command(p, p.Commands[0])
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string][]byte{"command": unzip(t, page.data)}
	names, err := filepath.Glob("man/*.md")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		title := strings.TrimSuffix(filepath.Base(name), ".md")
		if !bytes.Contains(text, []byte("# NAME")) {
			continue // of a command
		}
		pages[title] = b.render(title, text, "@options@", options(flags), "@commands@", commands(p))
	}
	for name, text := range pages {
		if bytes.Contains(text, []byte("@")) {
			t.Errorf("%s: something was not filled in", name)
		}
		lint(t, name, text)
	}
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	c := exec.Command("gzip", "-dc")
	c.Stdin = bytes.NewReader(data)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lint asks those of mandoc and groff that are installed.
func lint(t *testing.T, name string, page []byte) {
	t.Helper()
	for _, args := range [][]string{{"mandoc", "-T", "lint", "-W", "warning"}, {"groff", "-ww", "-man", "-Tutf8", "-z"}} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Logf("%s is not installed", args[0])
			continue
		}
		c := exec.Command(args[0], args[1:]...)
		c.Stdin = bytes.NewReader(page)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %s: %v\n%s", name, args[0], err, out)
		}
	}
}
