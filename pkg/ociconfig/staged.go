package ociconfig

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/overlaymount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// This file describes what the sandbox has to have for an overlay of its own: each
// layer as a mount, and, once in a container, the first process that mounts the
// overlays, and the file in which that says how it went.

// stagedName is the directory, below an overlay, of the destinations by which a
// plan knows these mounts.
const stagedName = ".overlay"

// sentryUnion is an overlay that lives in the sandbox, followed by its layers from
// top to bottom.
func (d describer) sentryUnion(p *parser, m directfspolicy.Mount, l layered, facts overlaymount.Facts, gofers goferHints) []directfspolicy.Mount {
	m.Sources = nil
	d.writes(&m, l.readOnly())
	all := []directfspolicy.Mount{m}
	add := func(name, source string, role overlaymount.Role, kind directfspolicy.LayerKind) {
		part, err := d.part(m.Destination, name, source, kind, gofers)
		if err == nil && len(part.Sources) > 0 {
			err = isOfFacts(overlaymount.Layer{Role: role, Path: source}, facts, part.Sources[0])
		}
		if err != nil {
			p.refuse(fmt.Errorf("mount %q: %w", m.Destination, err))
			return
		}
		d.writes(&part, l.readOnly() || kind == directfspolicy.LowerLayer)
		all = append(all, part)
	}
	for i, lower := range l.Lower {
		add("lower"+strconv.Itoa(i), lower, overlaymount.Lower, directfspolicy.LowerLayer)
	}
	if l.Upper != "" {
		add("upper", l.Upper, overlaymount.Upper, directfspolicy.UpperLayer)
	}
	return all
}

// part describes a mount that an overlay of the sandbox needs.
func (d describer) part(of, name, source string, kind directfspolicy.LayerKind, gofers goferHints) (m directfspolicy.Mount, err error) {
	sm := specs.Mount{Destination: path.Join(of, stagedName, name), Type: "bind", Source: source, Options: []string{"bind"}}
	if m, err = d.place(sm); err != nil {
		return m, err
	}
	if err = d.notLocal("an overlay that the sandbox makes needs the files that are there", source); err != nil {
		return m, err
	}
	m.Layer = &directfspolicy.Layer{Of: of, Kind: kind}
	switch kind {
	case directfspolicy.UpperLayer:
		m.Cache = directfspolicy.CacheShared // see directfspolicy.ErrUpperCache
	case directfspolicy.LowerLayer:
		// Nobody may change it while it is in an overlay (overlayfs.rst, "Changes to
		// underlying filesystems"), so that there is nothing to look for.
		m.Cache = directfspolicy.CacheExclusive
	}
	m.Backend, m.BackendName = d.o.backend(d.spec, sm)
	if len(gofers.of(m.SourceName, nil)) == 0 {
		m.Sources, err = d.o.sources(source, false)
	}
	return m, err
}

// firstProcess adds what the first overlay of the sandbox needs beside its layers.
func (d describer) firstProcess(p *parser, rootfs directfspolicy.Mount, mounts []directfspolicy.Mount) []directfspolicy.Mount {
	is := func(m directfspolicy.Mount) bool {
		return m.Union != nil && m.Union.Driver == directfspolicy.SentryUnion
	}
	first := slices.IndexFunc(mounts, is)
	if first < 0 {
		return mounts
	}
	for _, m := range mounts {
		for _, o := range mounts {
			if is(o) && m.Layer == nil && below(m.Destination, path.Join(o.Destination, stagedName)) {
				p.refuse(fmt.Errorf("%w: mount %q: the sandbox needs this place for the layers of the overlay at %q: mount it elsewhere, or choose the host's driver",
					directfspolicy.ErrInvalidRequest, m.Destination, o.Destination))
			}
		}
	}
	d.refuseSharedMemory(p)
	of := mounts[first].Destination
	program, err := d.part(of, "program", d.o.FirstProcess, directfspolicy.ProgramFile, nil)
	if err != nil {
		p.refuse(fmt.Errorf("mount %q: %w", of, err))
		return mounts
	}
	d.writes(&program, true)
	report, err := d.place(specs.Mount{Destination: path.Join(of, stagedName, "report")})
	if err != nil {
		p.refuse(err)
		return mounts
	}
	report.Backend, report.Layer = directfspolicy.StockGofer, &directfspolicy.Layer{Of: of, Kind: directfspolicy.ReportFile}
	report.Sources = []directfspolicy.Source{{Path: "report of the first process"}}
	program.Hints = accessHints(rootfs, mounts[first+1])
	report.Hints = program.Hints
	end := first + 1
	for end < len(mounts) && mounts[end].Layer != nil && mounts[end].Layer.Of == of {
		end++
	}
	return slices.Insert(mounts, end, program, report)
}

// accessHints are those by which the first process's own files have the access that
// the rootfs has, so that they neither raise a sandbox nor give a gofer more to do.
// Without a rootfs that a gofer serves it is the access of a layer.
func accessHints(rootfs, layer directfspolicy.Mount) []directfspolicy.Hint {
	like := rootfs
	if rootfs.Backend == directfspolicy.NoGofer {
		like = layer
	}
	return slices.DeleteFunc(slices.Clone(like.Hints), func(h directfspolicy.Hint) bool { return h.Knob != directfspolicy.DirectFSKnob })
}

// below reports whether a path is the directory's, or inside it.
func below(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}
