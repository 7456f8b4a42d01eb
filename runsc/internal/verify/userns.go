package verify

import (
	"fmt"
	"os"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/specutils"
)

// namespaceID is what identifies a namespace (namespaces(7)).
func namespaceID(path string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileID{}, fmt.Errorf("user namespace %s: %w", path, err)
	}
	return fileID{uint64(st.Dev), st.Ino}, nil
}

// parentID identifies the parent of a user namespace (ioctl_nsfs(2)).
func parentID(path string) (fileID, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileID{}, err
	}
	defer f.Close()
	fd, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_PARENT)
	if err != nil {
		return fileID{}, fmt.Errorf("parent of %s: %w", path, err)
	}
	defer unix.Close(fd)
	return namespaceID(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// sandboxUserNS compares the sandbox's user namespace with the planned one:
// its shape, and that it is not the runtime's own.
func (r *Report) sandboxUserNS(p process, plan directfspolicy.Plan, spec *specs.Spec) error {
	path := fmt.Sprintf("/proc/%d/ns/user", p.pid)
	its, err := namespaceID(path)
	if err != nil {
		return err
	}
	ours, err := namespaceID("/proc/self/ns/user")
	if err != nil {
		return err
	}
	own, planned := plan.Sandbox().SpecUserNamespace, "new"
	if own {
		planned = "spec"
	}
	if own && !hasUserNS(spec) {
		// The engine adds one of its own, but not where the sandbox is in the
		// host's network (runsc/container/container.go:2186).
		r.inheritedUserNS(its, ours, p.flagValue("rootless") == "true")
		return nil
	}
	r.judge(CheckUserNS, "user namespace", planned+": not the runtime's", describeNS(its, ours), its != ours)
	if named := userNSPath(spec); named != "" && own {
		r.namedUserNS(named, its)
		return nil
	}
	if its == ours {
		return nil
	}
	parent, err := parentID(path)
	if err != nil {
		return err
	}
	for _, file := range []string{"uid_map", "gid_map"} {
		m, err := readIDMap(p.pid, file)
		if err != nil {
			return err
		}
		r.mapping(file, m, plannedMap(file, own, spec), parent == ours)
	}
	return nil
}

// inheritedUserNS compares with the namespace that the runtime ran in. Without
// root it makes one for itself, and is gone by now.
func (r *Report) inheritedUserNS(its, ours fileID, rootless bool) {
	const item, planned = "user namespace", "spec: none of its own"
	if rootless && its != ours {
		r.note(CheckUserNS, item, planned, describeNS(its, ours), "the runtime ran without root, in a user namespace of its own; nobody can tell whether it was this one")
		return
	}
	r.judge(CheckUserNS, item, planned, describeNS(its, ours), its == ours)
}

func describeNS(its, ours fileID) string {
	if its == ours {
		return "the runtime's own"
	}
	return fmt.Sprintf("user:[%d], the runtime's is user:[%d]", its.ino, ours.ino)
}

// namedUserNS compares with the namespace that the spec names by a path.
func (r *Report) namedUserNS(path string, its fileID) {
	actual := fmt.Sprintf("user:[%d]", its.ino)
	named, err := namespaceID(path)
	if err != nil {
		r.unverified(CheckUserNS, "user namespace of the spec", path, actual, err.Error())
		return
	}
	r.compare(CheckUserNS, "user namespace of the spec", fmt.Sprintf("user:[%d]", named.ino), actual)
}

// plannedMap is a single unprivileged user, or the ranges of the stored spec,
// in which the engine writes those that it adds itself
// (runsc/container/container.go:2206).
func plannedMap(file string, fromSpec bool, spec *specs.Spec) idMap {
	switch {
	case !fromSpec:
		return idMap{{ContainerID: nobody, HostID: nobody, Size: 1}}
	case spec.Linux == nil:
		return nil
	case file == "uid_map":
		return spec.Linux.UIDMappings
	}
	return spec.Linux.GIDMappings
}

// mapping compares an ID map with the planned one. Where the runtime itself
// ran in another user namespace than this process, as it does without root,
// ids outside have other numbers here, so what is outside cannot be compared.
func (r *Report) mapping(file string, have, want idMap, outside bool) {
	item := file + " (inside:outside:size)"
	if outside {
		r.judge(CheckUserNS, item, want.String(), have.String(), slices.Equal(have, want))
		return
	}
	if !slices.Equal(have.inner(), want.inner()) {
		r.judge(CheckUserNS, item, want.String(), have.String(), false)
		return
	}
	r.note(CheckUserNS, item, want.String(), have.String(),
		"inside and size are as planned; outside ids are those of the user namespace that the runtime ran in")
}

// inner is the map without what is outside.
func (m idMap) inner() idMap {
	in := slices.Clone(m)
	for i := range in {
		in[i].HostID = 0
	}
	return in
}

func hasUserNS(s *specs.Spec) bool {
	_, has := specutils.GetNS(specs.UserNamespace, s)
	return has
}

func userNSPath(s *specs.Spec) string {
	ns, _ := specutils.GetNS(specs.UserNamespace, s)
	return ns.Path
}
