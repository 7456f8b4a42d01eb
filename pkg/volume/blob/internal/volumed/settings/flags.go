package settings

import (
	"errors"
	"fmt"
	"strings"
)

// VolumeFlag is the value of --volume: NAME=URL[,read-only][,prefix=DIR/].
type VolumeFlag map[string]Volume

// String implements flag.Value.
func (VolumeFlag) String() string { return "" }

// Set implements flag.Value.
func (f VolumeFlag) Set(text string) error {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return errors.New("write NAME=URL[,read-only][,prefix=DIR/]")
	}
	if _, there := f[name]; there {
		return fmt.Errorf("volume %s is there twice", name)
	}
	parts := strings.Split(rest, ",")
	v := Volume{URL: parts[0]}
	for _, option := range parts[1:] {
		prefix, isPrefix := strings.CutPrefix(option, "prefix=")
		switch {
		case option == "read-only":
			v.ReadOnly = true
		case isPrefix:
			v.Prefix = prefix
		default:
			// It may be a part of the URL, and then a secret.
			return errors.New("after a comma only read-only and prefix=DIR/ are allowed; a comma in the URL is written %2C; all other settings are keys of a file for --config")
		}
	}
	f[name] = v
	return nil
}

// Merge adds volumes from the command line to those of the file.
func (s *Settings) Merge(more VolumeFlag) error {
	for name, v := range more {
		if _, there := s.Volumes[name]; there {
			return fmt.Errorf("volume %s is in the file and on the command line; remove one", name)
		}
		if s.Volumes == nil {
			s.Volumes = map[string]Volume{}
		}
		s.Volumes[name] = v
	}
	return nil
}
