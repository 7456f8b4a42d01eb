package directfspolicy

import (
	"fmt"
	"strconv"
	"strings"
)

// This file reads the decisions of version 3 of a stored Plan. It knew no other
// gofer than the stock one, and had a backend in words.

type decision3 struct {
	Mount        string   `json:"mount"`
	DirectFS     why3     `json:"directfs"`
	Cache        why3     `json:"cache"`
	Sources      []Source `json:"sources,omitempty"`
	ReadOnly     bool     `json:"readOnly"`
	SpecialFiles bool     `json:"specialFiles,omitempty"`
}

type why3 struct {
	Reason  string `json:"reason"`
	Key     string `json:"key,omitempty"`
	PodWide bool   `json:"podWide,omitempty"`
	Backend string `json:"backend,omitempty"`
}

func (d3 decision3) decision() (Decision, error) {
	access, err := d3.DirectFS.wire()
	if err != nil {
		return Decision{Mount: d3.Mount}, err
	}
	cache, err := d3.Cache.wire()
	if err != nil {
		return Decision{Mount: d3.Mount}, err
	}
	return wireDecision{
		Mount: d3.Mount, DirectFS: access, Cache: cache, Gofer: wireWhy{Reason: becauseDefaultGofer.String()},
		Sources: d3.Sources, ReadOnly: d3.ReadOnly, SpecialFiles: d3.SpecialFiles,
	}.decision()
}

func (w why3) wire() (wireWhy, error) {
	backend, err := "", error(nil)
	if w.Backend != "" || w.Reason == becauseCannotDonate.String() {
		backend, err = backend3(w.Backend)
	}
	return wireWhy{Reason: w.Reason, Key: w.Key, PodWide: w.PodWide, Backend: backend}, err
}

// backend3 reads the words of versions 2 and 3 for a backend that cannot donate.
func backend3(words string) (name string, err error) {
	if words == "virtual gofer" {
		return "", nil
	}
	quoted, ok := strings.CutPrefix(words, "backend ")
	name, err = strconv.Unquote(quoted)
	if !ok || err != nil || name == "" {
		return "", fmt.Errorf("%q is no backend", words)
	}
	// A name could have other bytes, which were escaped.
	return strings.ToValidUTF8(name, "\uFFFD"), nil
}
