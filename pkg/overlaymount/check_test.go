package overlaymount

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// dirs are facts of directories that are apart, on one ext4, and good.
func dirs(change map[string]func(*Directory)) Facts {
	f := Facts{Known: true, Layers: map[string]Directory{}}
	for i, p := range []string{"/a", "/b", "/c", "/d", "/u", "/w"} {
		d := Directory{
			Identity: Identity{1, uint64(10 + i)}, Above: []Identity{root}, IsDirectory: true, MountID: 7, Filesystem: "ext4", Writable: true,
		}
		if edit := change[p]; edit != nil {
			edit(&d)
		}
		f.Layers[p] = d
	}
	return f
}

var root = Identity{1, 2}

// at is the identity that dirs gives a path.
func at(path string) Identity { return dirs(nil).Layers[path].Identity }

type edit = map[string]func(*Directory)

func filesystem(path, name string) Facts {
	return dirs(edit{path: func(d *Directory) { d.Filesystem = name }})
}

func inNamespace(f Facts) Facts {
	f.UserNamespace = true
	return f
}

func withMounted(f Facts, m ...Mounted) Facts {
	f.Mounted = m
	return f
}

func under(path, above string) Facts {
	return dirs(edit{path: func(d *Directory) { d.Above = []Identity{{1, 50}, at(above), root} }})
}

func trusted(path string) Facts {
	return dirs(edit{path: func(d *Directory) { d.Trusted = path + "/x" }})
}

func user(path string) Facts {
	return dirs(edit{path: func(d *Directory) { d.User = path + "/x" }})
}

func served(d *Directory) { *d = Directory{Volume: "blob/x"} }

func submounts(path string) Facts {
	return dirs(edit{path: func(d *Directory) { d.Submounts = []string{path + "/m"} }})
}

func TestCheck(t *testing.T) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			m, _, err := Parse([]string{c.options})
			if err != nil {
				t.Fatal(err)
			}
			driver := c.driver
			if driver == "" {
				driver = Host
			}
			found := Check(m, c.facts, driver)
			var text strings.Builder
			for _, f := range found {
				text.WriteString(f.Error() + "\n")
			}
			if got := codeWords(found); got != c.want {
				t.Errorf("found %q, want %q:\n%s", got, c.want, &text)
			}
			for _, s := range c.says {
				if !strings.Contains(text.String(), s) {
					t.Errorf("nothing says %q:\n%s", s, &text)
				}
			}
			for _, f := range found {
				if f.Problem == "" || f.Fix == "" {
					t.Errorf("%+v lacks a problem or what to do", f)
				}
			}
		})
	}
}

func codeWords(found []*Finding) string {
	var all []string
	for _, f := range found {
		w := string(f.Code)
		if f.Warning {
			w += "?"
		}
		all = append(all, w)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestTooManyLowerOfCheck is for a mount that was not parsed.
func TestTooManyLowerOfCheck(t *testing.T) {
	for n, want := range map[int]string{500: "", 501: "too-many-lower"} {
		if got := codeWords(Check(Mount{Lower: make([]string, n-1), Data: make([]string, 1)}, Facts{}, Host)); got != want {
			t.Errorf("%d layers: found %q, want %q", n, got, want)
		}
	}
}

// TestEveryCodeIsTested: each code has a row that has it.
func TestEveryCodeIsTested(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks {
		for w := range strings.FieldsSeq(c.want) {
			seen[strings.TrimSuffix(w, "?")] = true
		}
	}
	for _, c := range []Code{
		CodeNoLower, CodeNoWork, CodeOneLower, CodeWorkAlone, CodeUnknownOption, CodeValue, CodeConflict, CodeSentryOption, CodeNoOverlay,
		CodeLayer, CodeNotDirectory, CodeFilesystem, CodeUpperFilesystem, CodeReadOnly, CodeDepth, CodeMounts, CodeSame, CodeNested,
		CodeInUse, CodeDialect, CodeVolatile, CodeVolume, CodeSubmounts,
	} {
		if !seen[string(c)] {
			t.Errorf("no row has %s", c)
		}
	}
}

func TestWithUserXattr(t *testing.T) {
	m := Mount{Options: append(make([]Option, 0, 4), Option{"index", "off", true})}
	with := m.WithUserXattr()
	if with.UserXattr() == m.UserXattr() || !slices.Equal(with.Options, []Option{{"index", "off", true}, {Key: "userxattr"}}) {
		t.Errorf("%+v", with)
	}
	if again := with.WithUserXattr(); !slices.Equal(again.Options, with.Options) {
		t.Errorf("twice: %+v", again)
	}
	if spare := m.Options[:2]; spare[1] != (Option{}) {
		t.Error("the mount's own options are written to")
	}
}

func TestUpperSupport(t *testing.T) {
	want := map[string]Support{
		"ext4": SupportGood, "xfs": SupportGood, "btrfs": SupportGood, "tmpfs": SupportGood,
		"overlay": SupportBad, "ramfs": SupportBad, "fuse": SupportBad, "fuse.x": SupportBad, "fuseblk": SupportBad, "nfs": SupportBad, "vfat": SupportBad,
		"virtiofs": SupportUnknown, "zfs": SupportUnknown, "f2fs": SupportUnknown, "": SupportUnknown,
	}
	for fs, s := range maps.All(want) {
		if got := UpperSupport(fs); got != s {
			t.Errorf("%q: %v, want %v", fs, got, s)
		}
	}
}

func TestNearestOf(t *testing.T) {
	for key, want := range map[string]string{
		"xuserattrs": "userxattr", "userxattrs": "userxattr", "lowerdirs": "lowerdir", "upper_dir": "upperdir", "Workdir": "workdir", "lowerdir++": "lowerdir+",
		"redirectdir": "redirect_dir", "redirect-dir": "redirect_dir", "meta_copy": "metacopy", "idnex": "index", "nfsexport": "nfs_export", "volatil": "volatile",
		"context": "", "noacl": "", "seclabel": "", "": "", "x": "", "default": "", "size": "",
	} {
		if got, ok := Nearest(key); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", key, got, ok, want)
		}
	}
}

func TestFindingIsAnError(t *testing.T) {
	f := &Finding{Code: CodeSame, Option: "lowerdir", Path: "/a", Problem: "is bad", Fix: "fix it"}
	var found *Finding
	if err := errors.Join(f); !errors.As(err, &found) || f.Error() != `overlay option lowerdir "/a": is bad: fix it` {
		t.Errorf("%v", f)
	}
}
