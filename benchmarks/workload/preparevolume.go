package workload

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// sequential is a file that is read or written from one end to the other.
type sequential struct {
	name string
	mib  int
}

var (
	smallSequential = sequential{"sequential-64", 64}
	bigSequential   = sequential{"sequential-512", 512}
)

const (
	treeDir    = "tree"
	smallReads = 500

	moduleDir        = "modules"
	modulesInPackage = 50
	moduleMaxSize    = 12 << 10

	repositoryDir = "repository"
)

// treeFiles and moduleFiles are in the order of a walk.
var (
	treeFiles   = names(100, 100, func(d, f int) string { return fmt.Sprintf("%s/d%02d/f%02d", treeDir, d, f) })
	moduleFiles = names(40, modulesInPackage, func(d, f int) string { return fmt.Sprintf("%s/m%02d.py", packageDir(d), f) })
)

func packageDir(i int) string { return fmt.Sprintf("%s/p%02d", moduleDir, i) }

func names(dirs, files int, name func(d, f int) string) (list []string) {
	for d := range dirs {
		for f := range files {
			list = append(list, name(d, f))
		}
	}
	return list
}

// PrepareVolume fills the directory, which must be empty, with all that the
// workloads read. Contents are the same every time.
func PrepareVolume(ctx context.Context, dir string, list []Workload, t Tools) error {
	p := newPreparation(dir)
	needed := map[string]bool{}
	for _, w := range list {
		needed[w.Input] = true
	}
	for _, f := range []sequential{smallSequential, bigSequential} {
		if needed[f.name] {
			p.file(f.name, f.mib*chunk)
		}
	}
	if needed[treeDir] {
		for _, name := range treeFiles {
			p.file(name, page)
		}
	}
	if needed[moduleDir] {
		p.modules(moduleFiles)
	}
	if needed[repositoryDir] {
		p.repository(ctx, t.Git)
	}
	return p.err
}

// modules makes files of 1 to 12 KiB.
func (p *preparation) modules(names []string) {
	for i, name := range names {
		p.file(name, (1+i%12)<<10)
	}
}

// repository makes one whose files are all committed. Object stores keep times
// of their own and have no inodes, so git is told to compare sizes and whole
// seconds alone (git-config(1), core.checkStat).
func (p *preparation) repository(ctx context.Context, git string) {
	var files []string
	for _, name := range moduleFiles {
		files = append(files, filepath.Join(repositoryDir, "source", strings.TrimPrefix(name, moduleDir+"/")))
	}
	p.modules(files)
	dir := filepath.Join(p.dir, repositoryDir)
	for _, args := range []string{
		"init --quiet --initial-branch=main --template=", "config core.checkStat minimal", "config core.trustctime false",
		"config core.fileMode false", "config gc.auto 0", "add .", "-c user.name=bench -c user.email= commit --quiet --message=all",
		"repack -a -d --quiet",
	} {
		if p.err != nil {
			return
		}
		cmd := exec.CommandContext(ctx, git, strings.Fields(args)...)
		cmd.Dir, cmd.Env = dir, gitEnvironment(p.dir)
		p.err = run(cmd)
	}
}

// gitEnvironment has nothing of the user's configuration, and lets git into
// directories of any owner.
func gitEnvironment(home string) []string {
	return []string{"PATH=/usr/bin:/bin", "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}
}
