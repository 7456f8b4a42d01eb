package firstprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Config says what the first process does before it becomes the container's
// process. What it does not say, the engine has done: user, groups, umask,
// limits, no_new_privs, terminal and standard streams are already those of the
// container's process.
type Config struct {
	// Overlays are mounted in this order; one at a destination below another's
	// comes later. There is at least one: its staging directory has the program
	// and the report.
	Overlays []Overlay

	// Cwd is the working directory: absolute, made if it is missing.
	Cwd string

	// Capabilities are those that the container's process has when it executes
	// its program. Those that the first process was not given are left out.
	Capabilities Capabilities
}

// Overlay is one overlay mount. At Target there is an empty in-memory file
// system, and what the overlay needs is mounted in it, by the names below: it is
// the overlay's staging directory, and nothing of it is left.
type Overlay struct {
	// Target is the destination, an absolute path of the container.
	Target string

	// Lowers is how many lower layers there are, [LowerName](0) the uppermost.
	Lowers int

	// Writable says that there is an upper layer, [UpperName].
	Writable bool

	// Flags are those of mount(2).
	Flags MountFlags

	// Nested are the destinations, absolute paths of the container, of mounts
	// below Target, a parent before its child. The i-th is at [NestedName](i)
	// until the overlay is there. Mount points that are missing are made in the
	// overlay, as all runtimes do.
	Nested []string `json:",omitempty"`
}

// MountFlags are the mount options that have nothing to do with layers.
type MountFlags struct {
	ReadOnly, NoSUID, NoDev, NoExec, NoATime bool
}

// Capabilities are the five sets of capabilities(7), as bits. Ambient ones that
// are not permitted and inheritable are left out: no process can have them.
type Capabilities struct {
	Bounding, Effective, Inheritable, Permitted, Ambient uint64
}

// What is in a staging directory. The names are short, because all of them have
// to fit into one page (mount(2), data).
const (
	UpperName = "u"

	// ProgramName is this program, and ReportName an empty file to which the
	// first process writes; see [ReadReport]. Both are mounts of their own, and
	// in the first overlay only.
	ProgramName = "runsc-first-process"
	ReportName  = "report"
)

// LowerName is the name of a lower layer.
func LowerName(i int) string { return "l" + strconv.Itoa(i) }

// NestedName is the name of a mount that is below the overlay.
func NestedName(i int) string { return "m" + strconv.Itoa(i) }

// configVariable is how the first process gets its Config. The environment can
// be read by those only that may trace the process (proc_pid_environ(5)), and
// arguments by all.
const configVariable = "RUNSC_FIRST_PROCESS"

// envMark is before each variable of the container: the Go runtime looks for
// its own, and must not find those that are meant for the container's process.
const envMark = "+"

// Command returns the arguments and the environment with which the engine has
// to start the first process, for a container's process with args and env.
func Command(c Config, args, env []string) (firstArgs, firstEnv []string, err error) {
	if len(c.Overlays) == 0 || len(args) == 0 {
		return nil, nil, fmt.Errorf("first process with %d overlays and %d arguments, each must be at least 1", len(c.Overlays), len(args))
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, nil, err
	}
	firstEnv = append(firstEnv, configVariable+"="+string(data))
	for _, v := range env {
		firstEnv = append(firstEnv, envMark+v)
	}
	return append([]string{path.Join(c.Overlays[0].Target, ProgramName)}, args...), firstEnv, nil
}

// parse undoes Command. It reports false for every other process.
func parse(args, environ []string) (c Config, containerArgs, env []string, ok bool, err error) {
	if len(args) == 0 || path.Base(args[0]) != ProgramName {
		return c, nil, nil, false, nil
	}
	var raw string
	for _, v := range environ {
		if own, marked := strings.CutPrefix(v, envMark); marked {
			env = append(env, own)
		} else if value, is := strings.CutPrefix(v, configVariable+"="); is {
			raw = value
		}
	}
	switch err := json.Unmarshal([]byte(raw), &c); {
	case raw == "":
		return c, nil, nil, false, nil
	case err != nil:
		return c, nil, nil, true, fmt.Errorf("configuration of the first process: %w", err)
	case len(c.Overlays) == 0 || len(args) < 2:
		return c, nil, nil, true, errors.New("configuration of the first process: no overlay or no argument")
	}
	return c, args[1:], env, true, nil
}
