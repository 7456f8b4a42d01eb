package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"github.com/directfs/runsc/runsc/internal/e2e/layers"
	"golang.org/x/sys/unix"
)

// overlayCase is what one scene of an overlay is for. It records the same steps
// by name whatever they answer. Scenes are as package layers makes them.
type overlayCase struct {
	scene string
	run   func(*scene)
}

// overlayCases change the union; those of overlayAgain go on in the same
// scenes, with what the upper layer kept.
var overlayCases = []overlayCase{
	{"create", overlayCreate}, {"append", overlayAppend}, {"truncate", overlayTruncate}, {"open-truncate", overlayOpenTruncate},
	{"write-middle", overlayWriteMiddle}, {"fallocate", overlayFallocate}, {"open", overlayOpen}, {"deep", overlayDeepPath},
	{"mmap-shared", overlayMapShared}, {"mmap-private", overlayMapPrivate}, {"old-fd", overlayOldFD}, {"old-dirfd", overlayOldDirFD},
	{"sync", overlaySync}, {"copy", overlayCopy}, {"tmpfile", overlayTmpfile}, {"unlinked", overlayUnlinked}, {"locks", overlayLocks},
	{"execute", overlayExecute},
	{"chmod", overlayChmod}, {"chown", overlayChown}, {"utimes", overlayUtimes}, {"xattr", overlayXattr}, {"marks", overlayMarks},
	{"acl", overlayACL}, {"identity", overlayIdentity}, {"statfs", overlayStatfs}, {"denied", overlayDenied}, {"setgid", overlaySetgid},
	{"link", overlayLink}, {"lower-links", overlayLowerLinks}, {"symlink", overlaySymlink}, {"special", overlaySpecial},
	{"mkdir", overlayMkdir}, {"unlink", overlayUnlink}, {"rmdir", overlayRmdir}, {"opaque", overlayOpaque}, {"whiteouts", overlayWhiteouts},
	{"types", overlayTypes}, {"long", overlayLong}, {"readdir", overlayReaddir}, {"changing", overlayChanging}, {"many", overlayMany},
	{"rename-file", overlayRenameFile}, {"rename-open", overlayRenameOpen}, {"rename-lower-dir", overlayRenameLowerDir},
	{"rename-dir", overlayRenameDir}, {"noreplace", overlayNoReplace}, {"exchange", overlayExchange}, {"whiteout-flag", overlayWhiteoutFlag},
}

var overlayAgain = []overlayCase{
	{"append", overlayAppendAgain}, {"opaque", overlayOpaqueAgain}, {"unlink", overlayUnlinkAgain}, {"rename-dir", overlayRenameDirAgain},
	{"link", overlayLinkAgain}, {"xattr", overlayXattrAgain},
}

// overlayJobs record what is seen of the overlay in a directory.
var overlayJobs = map[string]func(dir string) ([]report.Step, error){
	"first": func(dir string) ([]report.Step, error) { return runCases(dir, overlayCases) },
	"again": func(dir string) ([]report.Step, error) { return runCases(dir, overlayAgain) },
	"readonly": func(dir string) ([]report.Step, error) {
		return runCases(dir, []overlayCase{{"create", overlayReadOnly}})
	},
	"layers":  overlayLayers,
	"tree":    overlayTree,
	"marks":   overlayLayerMarks,
	"changed": overlayChanged,
	"mount":   overlayMount,
}

// runOverlay runs jobs, each of them JOB:DIR, and prints their records. Their
// names are those of the jobs, with the last element of the directory alone.
func runOverlay(args []string) error {
	defer unix.Umask(unix.Umask(0o022))
	records := map[string][]report.Step{}
	for _, arg := range args {
		job, dir, _ := strings.Cut(arg, ":")
		run, ok := overlayJobs[job]
		if !ok {
			return fmt.Errorf("no job %q of an overlay", job)
		}
		steps, err := run(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
		records[job+":"+filepath.Base(dir)] = steps
	}
	return printJSON(records)
}

// runScenes prints the names of the scenes.
func runScenes(args []string) error {
	var names []string
	for _, c := range overlayCases {
		names = append(names, c.scene)
	}
	return errors.Join(want(args, 0), printJSON(names))
}

// runMounted mounts overlays, given as JSON by target, and runs a command.
func runMounted(args []string) error {
	if len(args) < 2 {
		return errors.New("want MOUNTS COMMAND")
	}
	var mounts map[string]layers.Overlay
	if err := json.Unmarshal([]byte(args[0]), &mounts); err != nil {
		return err
	}
	for target, o := range mounts {
		if err := o.Mount(target); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
	}
	return unix.Exec("/proc/self/exe", append([]string{"guest"}, args[1:]...), os.Environ())
}

func runCases(dir string, cases []overlayCase) ([]report.Step, error) {
	var steps []report.Step
	for _, c := range cases {
		s := &scene{root: dir, dir: filepath.Join(dir, c.scene)}
		if err := unix.Access(s.dir, unix.F_OK); err != nil {
			return nil, fmt.Errorf("scene %s: %w", c.scene, err)
		}
		c.run(s)
		steps = append(steps, numbered(c.scene, s.steps)...)
	}
	return steps, nil
}

// numbered gives steps names that are there once.
func numbered(scene string, steps []report.Step) []report.Step {
	seen := map[string]int{}
	for i := range steps {
		name := scene + ": " + strings.ReplaceAll(steps[i].Name, layers.LongName, "LONG")
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s, %d", name, seen[name])
		}
		steps[i].Name = name
	}
	return steps
}

// see records what a name is, as far as the union defines it.
func (s *scene) see(name string) { s.fact(name+" is", describe(s.p(name), true)) }

// write opens a file and writes to it once.
func (s *scene) write(name string, flags int, text string) {
	fd, err := unix.Open(s.p(name), flags, 0o644)
	if err == nil {
		_, err = unix.Write(fd, []byte(text))
		s.close(fd)
	}
	s.step("write "+name, err)
}

// read records a content as the descriptor has it, from the beginning.
func (s *scene) read(what string, fd int) {
	buf := make([]byte, 64)
	n, err := unix.Pread(fd, buf, 0)
	s.fact(what, fmt.Sprintf("%q ", buf[:max(n, 0)]), outcome(err))
}

// must is for what the cases rely on, not for what they are about.
func (s *scene) must(what string, err error) {
	if err != nil {
		s.step("preparing: "+what, err)
	}
}

func (s *scene) list(name string) {
	entries, err := os.ReadDir(s.p(name))
	s.fact("names in "+name, namesOf(entries), " ", outcome(err))
}
