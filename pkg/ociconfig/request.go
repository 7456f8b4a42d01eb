package ociconfig

import (
	"errors"
	"fmt"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Request reads everything that the policy needs to know from a container's
// spec. The error joins all for which the spec is refused before anything is
// decided: *directfspolicy.HintError where a user can fix it, and
// directfspolicy.ErrInvalidRequest where the spec itself is malformed.
func Request(spec *specs.Spec, o Options) (directfspolicy.Request, error) {
	r, errs, _ := read(spec, o)
	if len(errs) > 0 {
		return directfspolicy.Request{}, join(errs)
	}
	return r, nil
}

// Plan is Request followed by directfspolicy.Resolve. Its error joins what both
// refuse, the latter without the hints that the former does.
func Plan(spec *specs.Spec, o Options) (directfspolicy.Plan, error) {
	r, errs, complete := read(spec, o)
	if !complete {
		return directfspolicy.Plan{}, join(errs)
	}
	p, err := directfspolicy.Resolve(r)
	before := len(errs) > 0
	for _, f := range directfspolicy.Findings(err) {
		// A request without what was refused before may be invalid for that alone.
		if !before || !errors.Is(f, directfspolicy.ErrInvalidRequest) {
			errs = append(errs, f)
		}
	}
	if len(errs) > 0 {
		return directfspolicy.Plan{}, join(errs)
	}
	return p, nil
}

// join joins errors and says nothing twice.
func join(errs []error) error {
	return errors.Join(directfspolicy.Findings(errors.Join(errs...))...)
}

// Admit is running.Admit(joining), with what to add to the pod in the
// errors.
func Admit(running, joining directfspolicy.Plan) error {
	err := running.Admit(joining)
	for _, f := range directfspolicy.Findings(err) {
		var e *directfspolicy.AdmitError
		if !errors.As(f, &e) {
			continue
		}
		e.PodHint = fmt.Sprintf("%s=on, and %s of this mount,", MountKey("<NAME>", string(directfspolicy.DirectFSKnob)), MountKey("<NAME>", "source"))
		if h, _ := e.Why.Hint(); strings.HasPrefix(h.Key, mountPrefix) || strings.HasPrefix(h.Key, rootfsPrefix) {
			e.PodHint = h.String()
		}
	}
	return err
}

// read collects the Request, and everything for which the spec is refused.
// Without a scope, or the pod that it asks for, there is no complete Request.
func read(spec *specs.Spec, o Options) (r directfspolicy.Request, errs []error, complete bool) {
	scope, err := Scope(spec)
	if err != nil {
		return r, []error{err}, false
	}
	p := &parser{o: o, scope: scope, pod: spec.Annotations}
	if scope == directfspolicy.PodMember {
		if o.Pod == nil {
			return r, []error{errNoPod}, false
		}
		p.pod = o.Pod.Annotations
	}
	r = directfspolicy.Request{Container: directfspolicy.Container{Ceiling: o.Ceiling, Scope: scope, HostNetwork: o.HostNetwork}}
	r.HostDevices = o.HostDevices != nil && o.HostDevices(spec)
	if r.Flag, err = o.flag(spec); err != nil {
		p.refuse(err)
	}
	p.refuse(misplaced(spec.Annotations)...)
	said, refused := parseMountAnnotations(p.pod, spec.Annotations)
	p.refuse(refused...)
	r.SourceHints = p.named(said)
	gofers := goferHintsOf(r.SourceHints)
	// The sentry knows the hints of the pod's first container only.
	inPod, _ := parseMountAnnotations(p.pod)
	engine, refused := inPod.engineHints()
	p.refuse(refused...)
	d := describer{spec: spec, o: o, engine: engine}
	hints := p.rootfs(spec.Annotations)
	if r.Rootfs, err = d.rootfs(len(gofers.of("", hints)) > 0); err != nil {
		p.refuse(err)
	}
	r.Rootfs.Hints = hints
	r.Mounts = make([]directfspolicy.Mount, 0, len(spec.Mounts))
	for _, sm := range spec.Mounts {
		hints := p.options(sm)
		if isOverlay(sm) {
			r.Mounts = append(r.Mounts, d.overlay(p, sm, hints, gofers)...)
			continue
		}
		p.overlayDriver(sm)
		named := gofers.of(sourceName(sm, o.Bundle), hints)
		m, err := d.mount(sm, len(named) > 0)
		if err != nil {
			p.refuse(err)
			continue
		}
		if d.overlayInSource(sm, m) {
			p.refuseOverlay(m, named)
		}
		p.refusePlace(sm, m)
		p.refuseIDMappings(sm, named)
		m.Hints = hints
		r.Mounts = append(r.Mounts, m)
	}
	r.Mounts = d.firstProcess(p, r.Rootfs, r.Mounts)
	p.refuse(checkOrder(r.Mounts)...)
	o.ask(&r, gofers)
	return r, p.errs, true
}
