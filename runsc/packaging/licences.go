package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// licences are what programs are linked from, by "MODULE VERSION".
type licences map[string]*licence

// licence is what a module comes under.
type licence struct {
	kinds []string          // SPDX identifiers
	texts map[string]string // by the path in the module
}

func (l *licence) expression() string { return strings.Join(l.kinds, " AND ") }

// licenceFile matches the files with conditions that have to be passed on.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)([.-].*)?$`)

// standard is the key of Go's own library.
func standard() string { return "std " + runtime.Version() }

// licencesOf reads the licences of every module that is linked: the files in the
// module's directory, and in those of the packages and above them. A module
// without any, or with one that is not known, is an error: somebody has to look.
func licencesOf(root string, programs []program) (licences, error) {
	all := licences{}
	for _, p := range programs {
		for _, l := range p.packages {
			key, dir := l.Module.Path+" "+l.Module.Version, l.Module.Dir
			if l.Module.Path == ours || strings.HasPrefix(l.Module.Path, ours+"/") {
				key, dir = ours, root // one licence, in one repository
			}
			if all[key] == nil {
				all[key] = &licence{texts: map[string]string{}}
			}
			if err := all[key].read(dir, l.Dir); err != nil {
				return nil, err
			}
		}
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	dir := strings.TrimSpace(string(goroot))
	all[standard()] = &licence{texts: map[string]string{}}
	if err := all[standard()].read(dir, dir); err != nil {
		return nil, err
	}
	for key, l := range all {
		if len(l.kinds) == 0 {
			return nil, fmt.Errorf("module %s has no licence", key)
		}
	}
	return all, nil
}

// read adds the files between a package's directory and its module's.
func (l *licence) read(module, dir string) error {
	rel, err := filepath.Rel(module, dir)
	if err != nil || strings.HasPrefix(rel, "..") {
		rel = "."
	}
	for ; ; rel = filepath.Dir(rel) {
		names, err := children(filepath.Join(module, rel))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := l.add(module, filepath.Join(rel, name)); err != nil {
				return err
			}
		}
		if rel == "." {
			return nil
		}
	}
}

func (l *licence) add(module, file string) error {
	path := filepath.Join(module, file)
	if strings.HasSuffix(file, ".docs") {
		return nil // of documentation, which is not linked
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || !licenceFile.MatchString(filepath.Base(file)) || strings.HasSuffix(file, ".go") || l.texts[file] != "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	kinds := kindsOf(string(text))
	lower := strings.ToLower(filepath.Base(file))
	if len(kinds) == 0 && !strings.HasPrefix(lower, "notice") && !strings.HasPrefix(lower, "patents") {
		return fmt.Errorf("%s is none of the licences that packaging knows (%s); add it to them if programs may be linked with it", path, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	l.texts[file] = strings.ToValidUTF8(strings.ReplaceAll(string(text), "\r", ""), "?")
	l.kinds = append(l.kinds, kinds...)
	slices.Sort(l.kinds)
	l.kinds = slices.Compact(l.kinds)
	return nil
}

// known are the licences that programs may be linked with, by words that only
// they have.
var known = map[string]*regexp.Regexp{
	"Apache-2.0":   regexp.MustCompile(`apache license,? version 2\.0`),
	"MIT":          regexp.MustCompile(`permission is hereby granted, free of charge, to any person`),
	"BSD-3-Clause": regexp.MustCompile(`redistribution and use in source and binary forms.*(neither the name|may not be used to endorse)`),
	"BSD-2-Clause": regexp.MustCompile(`redistribution and use in source and binary forms`),
	"ISC":          regexp.MustCompile(`permission to use, copy, modify, and(/or)? distribute this software for any purpose`),
	"Zlib":         regexp.MustCompile(`altered source versions must be plainly marked`),
	"CC0-1.0":      regexp.MustCompile(`cc0 1\.0 universal`),
	"BSL-1.0":      regexp.MustCompile(`boost software license - version 1\.0`),
}

func kindsOf(text string) []string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	var all []string
	for kind, words := range known {
		if words.MatchString(text) {
			all = append(all, kind)
		}
	}
	if slices.Contains(all, "BSD-3-Clause") { // whose beginning is that of the other
		all = slices.DeleteFunc(all, func(k string) bool { return k == "BSD-2-Clause" })
	}
	slices.Sort(all)
	return all
}

// copyright is the text for the package: what each module comes under, then
// every text once.
func (all licences) copyright() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: https://%s\n\nCopyright the authors of %s. Licensed under the Apache License, Version 2.0\n(on Debian in /usr/share/common-licenses/Apache-2.0).\n\n", name, ours, ours)
	b.WriteString("The programs are linked with these Go modules:\n\n")
	users := map[[sha256.Size]byte][]string{}
	texts := map[[sha256.Size]byte]string{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "  %s: %s\n", key, all[key].expression())
		for _, file := range slices.Sorted(maps.Keys(all[key].texts)) {
			text := shorten(all[key].texts[file], all[ours].texts["LICENSE"])
			sum := sha256.Sum256([]byte(words(text)))
			texts[sum] = text
			users[sum] = append(users[sum], key+", "+filepath.ToSlash(file))
		}
	}
	order := slices.SortedFunc(maps.Keys(users), func(x, y [sha256.Size]byte) int { return slices.Compare(users[x], users[y]) })
	for _, sum := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("-", 70), strings.Join(users[sum], "\n"), strings.Trim(texts[sum], "\n"))
	}
	return b.String()
}

// apache is the text from its title to its end.
var apache = regexp.MustCompile(`(?s)[ \t]*Apache License\s+Version 2\.0, January 2004.*?END OF TERMS AND CONDITIONS[ \t]*`)

// shorten leaves out the Apache License where it is the same as in full, our own:
// it would be there some dozen times.
func shorten(text, full string) string {
	return apache.ReplaceAllStringFunc(text, func(found string) string {
		if words(found) != words(apache.FindString(full)) {
			return found
		}
		return "[The Apache License, Version 2.0]"
	})
}

// words are those of a text, however it is laid out.
func words(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "https:", "http:")), " ")
}
