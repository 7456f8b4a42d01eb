package docs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mistakes are bundles that are refused. Each has a mount at /data with the
// source /srv/data and a tmpfs at /tmp.
var mistakes = []struct {
	what        string
	annotations string // KEY=VALUE, by spaces; M. and R. abbreviate prefixes
	options     []string
	tmpfs       []string
	twin        bool // a mount at /also of what is in /srv/data/sub
}{
	{what: "a value that is not one of the words", annotations: "M.data.source=/srv/data M.data.directfs=Off"},
	{what: "the same for the rootfs", annotations: "R.directfs="},
	{what: "the same as a mount option", options: []string{"directfs=1"}},
	{what: "a name without a source", annotations: "M.data.directfs=off"},
	{what: "a key with a typo", annotations: "M.data.source=/srv/data M.data.direct-fs=off"},
	{what: "a source that is not absolute", annotations: "M.data.source=data M.data.directfs=off"},
	{what: "a source that no mount has", annotations: "M.data.source=/srv/date M.data.directfs=off"},
	{what: "annotation and mount option differ", annotations: "M.data.source=/srv/data M.data.directfs=off", options: []string{"directfs=on"}},
	{what: "two names for one source differ", annotations: "M.data.source=/srv/data M.data.directfs=off M.same.source=/srv/data M.same.directfs=on"},
	{what: "on for a mount without a gofer", tmpfs: []string{"directfs=on"}},
	{what: "a name with a dot", annotations: "M.my.data.directfs=off"},
	{what: "an option with a comma in it", options: []string{"dcache=-1,directfs"}},
	{what: "the engine's own option", options: []string{"directfs"}},
	{what: "a word that is no cache mode", options: []string{"cache=none"}},
	{what: "an exclusive cache of what another mount writes", options: []string{"cache=exclusive"}, twin: true},
	{what: "a path in place of a gofer", options: []string{"gofer=/run/blob.sock"}},
	{what: "a gofer of a backend that is not registered", annotations: "M.data.source=/srv/data M.data.gofer=s3/models"},
	{what: "a backend that does not answer", options: []string{"gofer=down/models"}},
	{what: "directfs on a volume whose root cannot be donated", options: []string{"ro", "gofer=blob/models", "directfs=on"}},
	{what: "writes to a volume that is read-only", options: []string{"gofer=blob/models"}},
	{what: "a part of what a gofer serves", annotations: "M.data.source=/srv/data M.data.gofer=blob/scratch", twin: true},
	{what: "type=tmpfs and bind at once", annotations: "M.data.source=/srv/data M.data.type=tmpfs M.data.share=pod M.data.options=bind"},
}

// backends are registered for the mistakes.
var backends = map[string]ociconfig.GoferFunc{
	"blob": func(q ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{ReadOnly: q.Name.Volume == "models"}, nil
	},
	"down": func(ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
		return directfspolicy.Gofer{}, errors.New("dial unix /run/down.sock: connect: connection refused")
	},
}

func errorMessages(t *testing.T) string {
	var b strings.Builder
	for _, m := range mistakes {
		spec := &specs.Spec{
			Annotations: map[string]string{},
			Root:        &specs.Root{Path: "rootfs"},
			Mounts: []specs.Mount{
				{Destination: "/data", Type: "bind", Source: "/srv/data", Options: m.options},
				{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: m.tmpfs},
			},
		}
		if m.twin {
			spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/also", Type: "bind", Source: "/srv/data/sub"})
		}
		for _, a := range strings.Fields(m.annotations) {
			key, value, _ := strings.Cut(a, "=")
			key = strings.Replace(key, "M.", "dev.gvisor.spec.mount.", 1)
			spec.Annotations[strings.Replace(key, "R.", "dev.gvisor.spec.rootfs.", 1)] = value
		}
		_, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, Gofers: backends})
		if err == nil {
			t.Errorf("%s: accepted", m.what)
			continue
		}
		fmt.Fprintf(&b, "- %s:\n  ```\n  create: %v\n  ```\n", m.what, err)
	}
	return b.String()
}
