package volumed

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/directfs/runsc/pkg/volume/blob/internal/stores"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	gocloud "gocloud.dev/blob"
)

// source is where settings come from: flags, and a file.
type source struct {
	file    string
	volumes settings.VolumeFlag
	over    settings.Settings // what flags say
}

func (s *source) setFlags(f *flag.FlagSet) {
	s.volumes = settings.VolumeFlag{}
	f.StringVar(&s.file, "config", "", "read volumes and other settings from `FILE` (JSON)")
	f.Var(s.volumes, "volume", "serve a volume, `NAME=URL[,read-only][,prefix=DIR/]`; may be repeated")
}

// load returns the settings, checked.
func (s *source) load() (settings.Settings, error) {
	var loaded settings.Settings
	if s.file != "" {
		var err error
		if loaded, err = settings.Read(s.file); err != nil {
			return loaded, err
		}
	}
	for _, f := range []struct {
		into *string
		flag string
	}{
		{&loaded.Socket, s.over.Socket}, {&loaded.StateDir, s.over.StateDir}, {&loaded.Metrics, s.over.Metrics},
	} {
		if f.flag != "" {
			*f.into = f.flag
		}
	}
	if err := loaded.Merge(s.volumes); err != nil {
		return loaded, err
	}
	if loaded.StateDir == "" {
		loaded.StateDir = defaultStateDir()
	}
	for _, path := range []*string{&loaded.Socket, &loaded.StateDir} {
		if err := makeAbsolute(path); err != nil {
			return loaded, err
		}
	}
	return loaded, errors.Join(loaded.Check(), checkVolumes(loaded))
}

// checkVolumes returns what no volume can be opened with.
func checkVolumes(s settings.Settings) error {
	var all []error
	for _, name := range s.Names() {
		c := config(s.Volumes[name], &stores.Store{Bucket: new(gocloud.Bucket)}, "/", nil, nil)
		if err := c.Check(); err != nil {
			all = append(all, fmt.Errorf("volume %s: %w", name, err))
		}
	}
	return errors.Join(all...)
}

func makeAbsolute(path *string) (err error) {
	if *path != "" {
		*path, err = filepath.Abs(*path)
	}
	return err
}

// settingsVariable has, in a worker's environment, the process ID of its daemon
// and the daemon's settings. A worker is started with the daemon's arguments,
// but the file that they name may have changed since.
const settingsVariable = "VOLUMED_WORKER_SETTINGS"

// hand puts the settings where this process's workers find them.
func hand(s settings.Settings) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.Setenv(settingsVariable, strconv.Itoa(os.Getpid())+" "+string(text))
}

// handed returns what the daemon handed to this process, if one did.
func handed() (settings.Settings, bool, error) {
	pid, text, ok := strings.Cut(os.Getenv(settingsVariable), " ")
	if !ok || pid != strconv.Itoa(os.Getppid()) {
		return settings.Settings{}, false, nil
	}
	s, err := settings.Parse([]byte(text))
	if err != nil {
		return s, true, fmt.Errorf("settings of the daemon: %w", err)
	}
	return s, true, nil
}
