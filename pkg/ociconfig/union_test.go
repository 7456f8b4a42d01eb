package ociconfig_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/pkg/overlaymount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func overlayMount(options ...string) specs.Mount {
	return specs.Mount{Destination: "/ov", Type: "overlay", Source: "overlay", Options: append([]string{"lowerdir=/a:/b", "upperdir=/u", "workdir=/w"}, options...)}
}

// decisionsFor resolves a container with the mounts.
func decisionsFor(t *testing.T, annotations map[string]string, o ociconfig.Options, mounts ...specs.Mount) []directfspolicy.Decision {
	t.Helper()
	p, err := ociconfig.Plan(container(annotations, mounts...), o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Decisions()[1:]
}

func TestHostOverlay(t *testing.T) {
	ds := decisionsFor(t, nil, ociconfig.Options{Flag: true, Bundle: "/bundle"}, overlayMount("index=off", "nosuid", "cache=shared"))
	if len(ds) != 1 {
		t.Fatalf("%d decisions", len(ds))
	}
	d := ds[0]
	if d.Access != directfspolicy.DirectFS || d.ReadOnly || d.Union == nil || d.Union.Driver != directfspolicy.HostUnion ||
		d.Union.Source != "overlay" || !slices.Equal(d.Union.Options, []string{"index=off"}) {
		t.Errorf("%+v, %+v", d, d.Union)
	}
	var got []string
	for _, s := range d.Sources {
		got = append(got, s.Layer.String()+" "+s.Path)
	}
	if want := []string{"lower /a", "lower /b", "upper /u", "work /w"}; !slices.Equal(got, want) {
		t.Errorf("layers %q, want %q", got, want)
	}
}

// The user's source is only a name: no hint finds the overlay by it.
func TestOverlaySourceIsAName(t *testing.T) {
	_, err := ociconfig.Plan(container(map[string]string{
		"dev.gvisor.spec.mount.x.source": "/bundle/overlay", "dev.gvisor.spec.mount.x.directfs": "off",
	}, overlayMount()), ociconfig.Options{Flag: true, Bundle: "/bundle"})
	if !errors.Is(err, directfspolicy.ErrNoMount) {
		t.Errorf("error %v, want %v", err, directfspolicy.ErrNoMount)
	}
}

func TestReadOnlyOverlays(t *testing.T) {
	noUpper := overlayMount()
	noUpper.Options = noUpper.Options[:1]
	for name, m := range map[string]specs.Mount{"no upper": noUpper, "ro": overlayMount("ro")} {
		if d := decisionsFor(t, nil, ociconfig.Options{Flag: true}, m)[0]; !d.ReadOnly {
			t.Errorf("%s: not read-only", name)
		}
		if o := ociconfig.EngineOptions(m); !slices.Equal(o, []string{"ro"}) {
			t.Errorf("%s: the engine is told %q", name, o)
		}
	}
}

// Of a bind mount the type is a dummy.
func TestBindOfTypeOverlay(t *testing.T) {
	m := specs.Mount{Destination: "/ov", Type: "overlay", Source: "/a", Options: []string{"rbind"}}
	if d := decisionsFor(t, nil, ociconfig.Options{Flag: true}, m)[0]; d.Union != nil || d.Sources[0].Path != "/a" {
		t.Errorf("%+v", d)
	}
}

func TestSentryOverlay(t *testing.T) {
	o := ociconfig.Options{Flag: true, FirstProcess: "/bin/runsc"}
	ds := decisionsFor(t, nil, o, overlayMount("gvisor.overlay=sentry", "directfs=off"), bind("/data", "/d"))
	var got []string
	for _, d := range ds {
		s := d.Mount + " " + d.Access.String()
		if d.Layer != nil {
			s += " " + d.Layer.Kind.String() + " of " + d.Layer.Of + " " + d.Sources[0].Path
		}
		got = append(got, s)
	}
	want := []string{
		"/ov none",
		"/ov/.overlay/lower0 lisafs lower of /ov /a",
		"/ov/.overlay/lower1 lisafs lower of /ov /b",
		"/ov/.overlay/upper lisafs upper of /ov /u",
		"/ov/.overlay/program directfs program of /ov /bin/runsc",
		"/ov/.overlay/report directfs report of /ov report of the first process",
		"/data directfs",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, writes := range []bool{false, false, true, false, true} {
		if ds[1+i].ReadOnly == writes {
			t.Errorf("%s: read-only %t", ds[1+i].Mount, ds[1+i].ReadOnly)
		}
	}
	for i, want := range []directfspolicy.Cache{directfspolicy.CacheExclusive, directfspolicy.CacheExclusive, directfspolicy.CacheShared} {
		if ds[1+i].Cache != want {
			t.Errorf("%s: cache %v, want %v", ds[1+i].Mount, ds[1+i].Cache, want)
		}
	}
}

// A hint for a layer is for the layer alone where the sentry makes the overlay.
func TestHintForALayer(t *testing.T) {
	annotations := map[string]string{"dev.gvisor.spec.mount.x.source": "/b", "dev.gvisor.spec.mount.x.directfs": "off"}
	o := ociconfig.Options{Flag: true, FirstProcess: "/bin/runsc"}
	ds := decisionsFor(t, annotations, o, overlayMount("gvisor.overlay=sentry"))
	if ds[1].Access != directfspolicy.DirectFS || ds[2].Access != directfspolicy.LisaFS || ds[3].Access != directfspolicy.DirectFS {
		t.Errorf("accesses %v, %v, %v", ds[1].Access, ds[2].Access, ds[3].Access)
	}
	if d := decisionsFor(t, annotations, o, overlayMount())[0]; d.Access != directfspolicy.LisaFS {
		t.Errorf("the host's overlay: %v", d.Access)
	}
}

func TestOverlayDrivers(t *testing.T) {
	onFUSE := func(m overlaymount.Mount, _ overlaymount.Driver) overlaymount.Facts {
		f := overlaymount.Facts{Known: true, Layers: map[string]overlaymount.Directory{}}
		for i, l := range m.Layers() {
			f.Layers[l.Path] = overlaymount.Directory{
				Identity: overlaymount.Identity{Device: 1, Inode: uint64(i + 1)}, IsDirectory: true, MountID: 1, Filesystem: "ext4", Writable: true,
			}
		}
		u := f.Layers["/u"]
		u.Filesystem = "fuse"
		f.Layers["/u"] = u
		return f
	}
	for name, tt := range map[string]struct {
		flag    ociconfig.OverlayDriver
		option  string
		layers  ociconfig.LayersFunc
		driver  directfspolicy.UnionDriver
		chosen  directfspolicy.UnionChoice
		because string
	}{
		"default":         {},
		"flag":            {flag: ociconfig.OverlaySentry, driver: directfspolicy.SentryUnion},
		"option":          {option: "gvisor.overlay=sentry", driver: directfspolicy.SentryUnion, chosen: directfspolicy.ChosenByOption},
		"option and flag": {flag: ociconfig.OverlaySentry, option: "gvisor.overlay=host", chosen: directfspolicy.ChosenByOption},
		"auto":            {option: "gvisor.overlay=auto", chosen: directfspolicy.ChosenByOption},
		"auto by flag":    {flag: ociconfig.OverlayAuto},
		"fallback":        {flag: ociconfig.OverlayAuto, layers: onFUSE, driver: directfspolicy.SentryUnion, chosen: directfspolicy.ChosenAsFallback, because: string(overlaymount.CodeUpperFilesystem)},
	} {
		m := overlayMount()
		if tt.option != "" {
			m = overlayMount(tt.option)
		}
		u := decisionsFor(t, nil, ociconfig.Options{Flag: true, OverlayDriver: tt.flag, Layers: tt.layers, FirstProcess: "/p"}, m)[0].Union
		if u.Driver != tt.driver || u.Chosen != tt.chosen || u.HostFails != tt.because {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

func TestRefusedOverlays(t *testing.T) {
	with := func(o ociconfig.Options, m specs.Mount) error {
		o.Flag, o.FirstProcess = true, "/p"
		_, err := ociconfig.Plan(container(nil, m), o)
		return err
	}
	for name, tt := range map[string]struct {
		o    ociconfig.Options
		m    specs.Mount
		want string
	}{
		"unknown driver":            {ociconfig.Options{}, overlayMount("gvisor.overlay=fuse"), "host, sentry, auto"},
		"two drivers":               {ociconfig.Options{}, overlayMount("gvisor.overlay=host", "gvisor.overlay=sentry"), "keep one"},
		"misspelled":                {ociconfig.Options{}, overlayMount("gvisor.overlays=host"), "write gvisor.overlay=<driver>"},
		"driver of a bind":          {ociconfig.Options{}, bind("/d", "/s", "gvisor.overlay=host"), "no overlay"},
		"by the operator":           {ociconfig.Options{Ceiling: directfspolicy.NoHints}, overlayMount("gvisor.overlay=sentry"), "--directfs-hints=none"},
		"host under narrow":         {ociconfig.Options{Ceiling: directfspolicy.NarrowHints, OverlayDriver: ociconfig.OverlaySentry}, overlayMount("gvisor.overlay=host"), "--directfs-hints=narrow"},
		"sentry under narrow":       {ociconfig.Options{Ceiling: directfspolicy.NarrowHints}, overlayMount("gvisor.overlay=sentry"), "--directfs-hints=narrow"},
		"auto under narrow":         {ociconfig.Options{Ceiling: directfspolicy.NarrowHints}, overlayMount("gvisor.overlay=auto"), "--overlay-driver"},
		"a hint among the layers":   {ociconfig.Options{}, overlayMount("volatile,directfs=off"), "an entry of its own"},
		"a volume":                  {ociconfig.Options{}, overlayMount("gofer=blob/x"), "cannot serve an overlay"},
		"no lower layer":            {ociconfig.Options{}, specs.Mount{Destination: "/ov", Type: "overlay", Options: []string{"upperdir=/u", "workdir=/w"}}, "lowerdir"},
		"overlay in the upper":      {ociconfig.Options{MountOverlay: true, MountOverlayInSource: true}, overlayMount(), "--overlay2=all:memory"},
		"overlay over layers":       {ociconfig.Options{MountOverlay: true}, overlayMount("gvisor.overlay=sentry"), "--overlay2=all"},
		"at /dev":                   {ociconfig.Options{}, specs.Mount{Destination: "/dev", Type: "overlay", Options: []string{"lowerdir=/a:/b"}}, "makes this directory itself"},
		"ID mappings":               {ociconfig.Options{}, specs.Mount{Destination: "/ov", Type: "overlay", Options: []string{"lowerdir=/a:/b"}, UIDMappings: []specs.LinuxIDMapping{{Size: 1}}}, "are for bind mounts"},
		"what the sentry cannot do": {ociconfig.Options{}, overlayMount("gvisor.overlay=sentry", "metacopy=on"), "metacopy=on"},
	} {
		err := with(tt.o, tt.m)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	missing := func(overlaymount.Mount, overlaymount.Driver) overlaymount.Facts {
		return overlaymount.Facts{Known: true, Layers: map[string]overlaymount.Directory{"/a": {Err: errors.New("not there")}}}
	}
	err := with(ociconfig.Options{Layers: missing}, overlayMount())
	if f := (*overlaymount.Finding)(nil); !errors.As(err, &f) || f.Code != overlaymount.CodeLayer || !strings.Contains(err.Error(), `mount "/ov"`) {
		t.Errorf("a missing layer: %v", err)
	}
}

// A decision is for the directories that were looked at.
func TestExchangedLayers(t *testing.T) {
	layers := func(m overlaymount.Mount, _ overlaymount.Driver) overlaymount.Facts {
		return overlaymount.Facts{Layers: map[string]overlaymount.Directory{"/b": {Identity: overlaymount.Identity{Device: 1, Inode: 2}}}}
	}
	for _, inode := range []uint64{2, 3} {
		sources := func(name string, _ bool) ([]directfspolicy.Source, error) {
			return []directfspolicy.Source{{Path: name, Device: 1, Inode: inode}}, nil
		}
		for _, driver := range ociconfig.OverlayDrivers {
			o := ociconfig.Options{Flag: true, FirstProcess: "/p", Layers: layers, Sources: sources, OverlayDriver: ociconfig.OverlayDriver(driver)}
			_, err := ociconfig.Plan(container(nil, overlayMount()), o)
			if replaced := err != nil && strings.Contains(err.Error(), "replaced by another directory"); replaced != (inode == 3) || !replaced && err != nil {
				t.Errorf("%s, inode %d: error %v", driver, inode, err)
			}
		}
	}
}

// Nobody else may mount where the layers are until the overlay is there.
func TestReservedPlace(t *testing.T) {
	_, err := ociconfig.Plan(container(nil, overlayMount("gvisor.overlay=sentry"), bind("/ov/.overlay/lower0", "/s")), ociconfig.Options{Flag: true})
	if !errors.Is(err, directfspolicy.ErrInvalidRequest) {
		t.Errorf("error %v", err)
	}
}

// What is for a mount and all that is in it is for an overlay as well, as under runc.
func TestRecursiveAttributes(t *testing.T) {
	for _, driver := range []ociconfig.OverlayDriver{ociconfig.OverlayHost, ociconfig.OverlaySentry} {
		m := overlayMount("rro", "rnoexec")
		ds := decisionsFor(t, nil, ociconfig.Options{Flag: true, OverlayDriver: driver, FirstProcess: "/p"}, m)
		if !ds[0].ReadOnly {
			t.Errorf("%s: %+v", driver, ds[0])
		}
		if got := ociconfig.EngineOptions(m); !slices.Equal(got, []string{"ro", "noexec"}) {
			t.Errorf("options for the engine: %q", got)
		}
	}
}
