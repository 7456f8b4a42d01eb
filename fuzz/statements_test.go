package fuzz

import (
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// This file reads hints independently of ociconfig, for the list of
// differences alone.

const (
	mountKey  = "dev.gvisor.spec.mount."
	rootfsKey = "dev.gvisor.spec.rootfs."
)

var hintFields = []string{"directfs", "cache", "gofer"}

// statement is one hint for a mount.
type statement struct {
	key, value, source string

	option    bool // an option of the mount, not an annotation
	complete  bool // with the keys that upstream insists upon
	respelled bool // its source is spelled in another way than the mount's
	own       bool // in the annotations of a joining container alone
}

func clean(p string) string { return path.Clean(p) }

// names are the fields of each mount annotation's name.
func names(annotations map[string]string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for key, value := range annotations {
		if name, field, ok := strings.Cut(strings.TrimPrefix(key, mountKey), "."); ok && strings.HasPrefix(key, mountKey) {
			if all[name] == nil {
				all[name] = map[string]string{}
			}
			all[name][field] = value
		}
	}
	return all
}

func complete(fields map[string]string) bool {
	return fields["source"] != "" && slices.Contains([]string{"bind", "tmpfs"}, fields["type"]) &&
		slices.Contains([]string{"container", "pod", "shared"}, fields["share"])
}

// statements are all hints for mounts in the case.
func statements(o observed) (all []statement) {
	add := func(annotations map[string]string, own bool) {
		for name, fields := range names(annotations) {
			for _, field := range hintFields {
				value, ok := fields[field]
				key := mountKey + name + "." + field
				if known := o.pod.Annotations[key] == value; ok && !(own && known) {
					all = append(all, statement{key: key, value: value, source: fields["source"], complete: complete(fields), own: own})
				}
			}
		}
	}
	add(o.pod.Annotations, false)
	if o.c.Pod != nil {
		add(o.spec.Annotations, true)
	}
	for _, m := range append(slices.Clone(o.spec.Mounts), o.pod.Mounts...) {
		for _, opt := range m.Options {
			for _, field := range hintFields {
				if value, ok := strings.CutPrefix(opt, field+"="); ok {
					all = append(all, statement{key: "mount option " + field, value: value, source: m.Source, option: true, complete: true})
				}
			}
		}
	}
	return all
}

// offBecause holds where the mount is off here and not upstream, because of a
// hint of which ignored holds. That upstream would have honoured any hint is
// excluded: then there is no difference.
func offBecause(ignored func(statement) bool) func(observed) bool {
	return func(o observed) bool {
		if o.index == 0 || !o.c.Conf.DirectFS || o.decision.WhyAccess.Reason() != "hint-off" {
			return false
		}
		m := o.spec.Mounts[o.index-1]
		return slices.ContainsFunc(statements(o), func(s statement) bool {
			s.respelled = s.source != m.Source
			means := s.value == "off" || s.value == "false"
			return means && inside(clean(m.Source), clean(s.source)) && (!s.option || hasOption(m, s.value)) && ignored(s)
		})
	}
}

// inside reports whether a path is that of a directory, or below it.
func inside(file, dir string) bool {
	return file == dir || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

func hasOption(m specs.Mount, value string) bool {
	return slices.Contains(m.Options, "directfs="+value)
}

func eitherSpec(o observed, holds func(map[string]string) bool) bool {
	return holds(o.spec.Annotations) || holds(o.pod.Annotations)
}

func rootfsAlone(o observed) bool {
	return eitherSpec(o, func(a map[string]string) bool {
		hinted := slices.ContainsFunc(hintFields, func(f string) bool { _, ok := a[rootfsKey+f]; return ok })
		return hinted && (a[rootfsKey+"type"] == "" || a[rootfsKey+"source"] == "")
	})
}

func rootfsCache(o observed) bool {
	return eitherSpec(o, func(a map[string]string) bool { return a[rootfsKey+"cache"] != "" })
}

func rootfsGofer(o observed) bool {
	return eitherSpec(o, func(a map[string]string) bool { return a[rootfsKey+"gofer"] != "" })
}

func rootfsWord(o observed) bool {
	return eitherSpec(o, func(a map[string]string) bool {
		return slices.Contains([]string{"on", "true", "false"}, a[rootfsKey+"directfs"])
	})
}

// sharedSource: whether upstream refuses this depends on the order in which
// its parser comes upon the names.
func sharedSource(o observed) bool {
	return eitherSpec(o, func(a map[string]string) bool {
		count := map[string][2]int{}
		for _, fields := range names(a) {
			c := count[fields["source"]]
			if complete(fields) {
				c[0]++
			} else {
				c[1]++
			}
			count[fields["source"]] = c
		}
		for source, c := range count {
			if source != "" && c[0] == 1 && c[1] > 0 {
				return true
			}
		}
		return false
	})
}
