package volumetest

import (
	"slices"

	"github.com/directfs/runsc/pkg/volume"
)

// check is one sentence of the contract. It calls the volume itself; one about
// what a sandbox sees would serve e.v and call that.
type check struct {
	name  string
	needs need
	run   func(e *env)
}

// need is a set of what a check uses.
type need uint32

const (
	write need = 1 << iota
	readLink
	symlink
	link
	xattr
	xattrWrite
	usage
	permission
	owner
	times
	fileRename
	dirRename
	donate
	donateRoot
	lack // something is named in Backend.Lacks

	rename = fileRename | write
)

func (n need) has(m need) bool { return n&m == m }

var features = []struct {
	feature Feature
	need    need
}{
	{Permissions, permission},
	{Owners, owner},
	{Times, times},
	{FileRename, fileRename},
	{DirectoryRename, dirRename},
}

func implemented(v volume.Volume) (n need) {
	add := func(implements bool, m need) {
		if implements {
			n |= m
		}
	}
	add(implements[volume.Writable](v), write)
	add(implements[volume.LinkReader](v), readLink)
	add(implements[volume.Symlinker](v), symlink|readLink)
	add(implements[volume.Linker](v), link)
	add(implements[volume.XattrReader](v), xattr)
	add(implements[volume.XattrWriter](v), xattrWrite)
	add(implements[volume.UsageReporter](v), usage)
	return n
}

func implements[I any](v volume.Volume) bool {
	_, ok := v.(I)
	return ok
}

// checks returns all of them, in an order in which the first failure is likely
// to be the cause of others.
func checks() []check {
	return slices.Concat(
		treeChecks, readDirChecks, readChecks,
		createChecks, writeChecks, openFileChecks, removeChecks,
		renameChecks, renameErrorChecks, setAttrChecks,
		linkChecks, xattrChecks, spaceChecks,
		donateChecks, donateRootChecks,
		callChecks, concurrentChecks, modelChecks,
	)
}
