// Package settings is the configuration of volumed: what the command line and
// the configuration file say, checked.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/stores"
)

// Settings are those of the whole daemon. The keys of the file are the json
// tags; the doc tags are what the documentation says of each.
type Settings struct {
	Socket   string            `json:"socket,omitempty" doc:"path of the unix socket"`
	StateDir string            `json:"state-dir,omitempty" doc:"directory for cached and staged files"`
	Metrics  string            `json:"metrics,omitempty" doc:"where metrics are served: HOST:PORT or unix:PATH"`
	Memory   Size              `json:"worker-memory,omitzero" doc:"memory for data in the process of each sandbox"`
	Drain    Duration          `json:"drain,omitzero" doc:"how long mounts are served on when volumed is to stop"`
	Volumes  map[string]Volume `json:"volumes,omitempty" doc:"the volumes by name"`
}

// Volume is one volume. What is zero has the default of the package blob.
type Volume struct {
	URL      string `json:"url" doc:"the store; without credentials"`
	Prefix   string `json:"prefix,omitempty" doc:"only objects whose keys begin with this; ends with a slash"`
	ReadOnly bool   `json:"read-only,omitempty" doc:"nobody may write"`

	EnvFile             string `json:"env-file,omitempty" doc:"credentials: lines KEY=VALUE (S3, Azure)"`
	AWSFile             string `json:"aws-credentials-file,omitempty" doc:"credentials: an AWS shared credentials file"`
	AWSProfile          string `json:"aws-profile,omitempty" doc:"the profile in it; \"default\" if not set"`
	GCSKeyFile          string `json:"gcs-key-file,omitempty" doc:"credentials: a service account's key"`
	AzureConnectionFile string `json:"azure-connection-file,omitempty" doc:"credentials: a file with a connection string"`

	Containers []string `json:"containers,omitempty" doc:"patterns of container IDs that may have the volume; all if not set"`
	Sandboxes  []string `json:"sandboxes,omitempty" doc:"the same for sandbox IDs"`

	CacheSize       Size     `json:"cache-size,omitzero" doc:"disk for cached objects, for each sandbox"`
	CacheObjectSize Size     `json:"cache-object-size,omitzero" doc:"larger objects are read in ranges and not cached"`
	StagedSize      Size     `json:"staged-size,omitzero" doc:"disk for files that are being written, for each sandbox"`
	StagedTotal     Size     `json:"staged-total,omitzero" doc:"disk for files that are being written or were left, of all sandboxes"`
	MemorySize      Size     `json:"memory-size,omitzero" doc:"memory for ranged reads, for each sandbox"`
	ListTTL         Duration `json:"list-ttl,omitzero" doc:"how long listings and attributes are believed"`
	ListEntries     int      `json:"list-entries,omitempty" doc:"names that are remembered, for each sandbox"`

	RequestTimeout     Duration `json:"request-timeout,omitzero" doc:"bound of one request, beside the time for its bytes"`
	MinRate            Size     `json:"min-rate,omitzero" doc:"bytes per second below which a transfer is given up"`
	Requests           int      `json:"requests,omitempty" doc:"requests in the background at once, for each sandbox"`
	PartSize           Size     `json:"part-size,omitzero" doc:"parts of a large upload"`
	PartRequests       int      `json:"part-requests,omitempty" doc:"parts that are uploaded at once"`
	PrefetchObjectSize Size     `json:"prefetch-object-size,omitzero" doc:"objects up to this are fetched with a neighbour"`
	PrefetchFiles      int      `json:"prefetch-files,omitempty" doc:"how many are fetched ahead; -1 for none"`
	RenameObjects      int      `json:"rename-objects,omitempty" doc:"objects up to which a directory can be renamed"`
	KeepTimes          bool     `json:"keep-times,omitempty" doc:"keep modification times, a request for each file"`
	KeepStaged         Duration `json:"keep-staged,omitzero" doc:"how long files are kept that cannot be uploaded after a crash"`

	FileMode Mode   `json:"file-mode,omitzero" doc:"permissions of files, octal"`
	DirMode  Mode   `json:"dir-mode,omitzero" doc:"permissions of directories, octal"`
	UID      uint32 `json:"uid,omitempty" doc:"owner of everything, in the container"`
	GID      uint32 `json:"gid,omitempty" doc:"group of everything, in the container"`
}

// Credentials are where the volume's credentials are.
func (v Volume) Credentials() stores.Credentials {
	return stores.Credentials{EnvFile: v.EnvFile, AWSFile: v.AWSFile, AWSProfile: v.AWSProfile,
		GCSKeyFile: v.GCSKeyFile, AzureConnectionFile: v.AzureConnectionFile}
}

// Admits reports whether a container may have the volume.
func (v Volume) Admits(container, sandbox string) bool {
	return matches(v.Containers, container) && matches(v.Sandboxes, sandbox)
}

func matches(patterns []string, id string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, id)
		return ok && err == nil
	})
}

// Names are the volumes', sorted.
func (s Settings) Names() []string { return slices.Sorted(maps.Keys(s.Volumes)) }

// name is a file name and part of a hint.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Check returns everything that is wrong, without asking a store.
func (s Settings) Check() error {
	var all []error
	if len(s.Volumes) == 0 {
		all = append(all, errors.New("there is no volume; write --volume NAME=URL, or volumes in a file for --config"))
	}
	for _, n := range s.Names() {
		if !name.MatchString(n) {
			all = append(all, fmt.Errorf("volume %q: a name is letters, digits, \".\", \"_\" and \"-\", at most 63, and begins with a letter or digit", n))
		}
		for _, err := range s.Volumes[n].check() {
			all = append(all, fmt.Errorf("volume %s: %w", n, err))
		}
	}
	return errors.Join(all...)
}

// Limits of multipart uploads in S3 (Amazon S3 User Guide, "multipart upload
// limits"). A large file could otherwise be written, and never be uploaded.
const (
	leastPart = 5 << 20
	mostParts = 10_000
)

func (v Volume) checkParts(l stores.Location) error {
	if l.Scheme() != "s3" {
		return nil
	}
	part := cmp.Or(v.PartSize, Size(blob.DefaultConfig.PartBytes))
	staged := cmp.Or(v.StagedSize, Size(blob.DefaultConfig.StageBytes))
	if part < leastPart {
		return fmt.Errorf("part-size %v is too small; S3 needs at least %v", part, Size(leastPart))
	}
	if staged/part >= mostParts {
		return fmt.Errorf("a file of staged-size %v has too many parts of part-size %v; S3 allows %d; "+
			"make part-size larger, or staged-size smaller", staged, part, mostParts)
	}
	return nil
}

func (v Volume) check() (all []error) {
	fail := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	l, err := stores.Parse(v.URL)
	if err != nil {
		fail("url: %w", err)
	} else if err := errors.Join(v.Credentials().Check(l), v.checkParts(l)); err != nil {
		all = append(all, err)
	}
	if v.Prefix != "" && (!strings.HasSuffix(v.Prefix, "/") || strings.HasPrefix(v.Prefix, "/")) {
		fail("prefix %q must end with a slash and not begin with one", v.Prefix)
	}
	if parts := strings.Split(v.Prefix, "/"); slices.Contains(parts, ".") || slices.Contains(parts, "..") {
		fail("prefix %q has \".\" or \"..\" between slashes, which stores take for part of a name, refuse or follow", v.Prefix)
	}
	for key, file := range map[string]string{"env-file": v.EnvFile, "aws-credentials-file": v.AWSFile,
		"gcs-key-file": v.GCSKeyFile, "azure-connection-file": v.AzureConnectionFile} {
		if file != "" && !filepath.IsAbs(file) {
			fail("%s %q is not an absolute path", key, file)
		}
	}
	for key, patterns := range map[string][]string{"containers": v.Containers, "sandboxes": v.Sandboxes} {
		if patterns != nil && len(patterns) == 0 {
			fail("%s is empty, so nobody could have the volume; remove the key to admit all", key)
		}
		for _, p := range patterns {
			if _, err := path.Match(p, ""); err != nil || p == "" {
				fail("%s: %q is not a pattern; allowed are names with *, ? and [a-z]", key, p)
			}
		}
	}
	for key, n := range map[string]int{"list-entries": v.ListEntries, "requests": v.Requests,
		"part-requests": v.PartRequests, "rename-objects": v.RenameObjects} {
		if n < 0 {
			fail("%s %d is negative", key, n)
		}
	}
	return all
}
