package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxFile bounds the file: workers get the settings in their environment, where
// one variable has 128 KiB at most (execve(2), MAX_ARG_STRLEN).
const maxFile = 100 << 10

// Read reads a configuration file. It returns everything that is wrong with its
// form; Check looks at the meaning.
func Read(path string) (Settings, error) {
	f, err := os.Open(path)
	if err != nil {
		return Settings{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Settings{}, err
	}
	s, err := Parse(text)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Parse is Read for what is in the file.
func Parse(text []byte) (Settings, error) {
	if len(text) > maxFile {
		return Settings{}, fmt.Errorf("more than %d KiB", maxFile>>10)
	}
	var s Settings
	if !json.Valid(text) {
		return s, syntaxError(text)
	}
	if err := decode("", text, reflect.ValueOf(&s).Elem()); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// syntaxError says in which line JSON ends to be JSON.
func syntaxError(text []byte) error {
	var v any
	err := json.Unmarshal(text, &v)
	var at *json.SyntaxError
	if errors.As(err, &at) {
		return fmt.Errorf("line %d: not JSON: %w", 1+bytes.Count(text[:min(int(at.Offset), len(text))], []byte("\n")), err)
	}
	return fmt.Errorf("not JSON: %w", err)
}

// decode is json.Unmarshal, except that it knows where it is, refuses keys that
// nobody reads or that are there twice, and goes on after an error.
func decode(where string, text json.RawMessage, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Struct:
		return decodeObject(where, text, func(key string, value json.RawMessage) error {
			f, err := fieldOf(v, where, key)
			if err != nil {
				return err
			}
			return decode(join(where, key), value, f)
		})
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		return decodeObject(where, text, func(key string, value json.RawMessage) error {
			element := reflect.New(v.Type().Elem()).Elem()
			err := decode(join(where, key), value, element)
			v.SetMapIndex(reflect.ValueOf(key), element)
			return err
		})
	}
	err := json.Unmarshal(text, v.Addr().Interface())
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) || string(text) == "null" {
		return fmt.Errorf("%s: %s is not %s", where, text, kind(v))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

func decodeObject(where string, text json.RawMessage, member func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%s: not an object, {\"KEY\": VALUE}", orTop(where))
	}
	var all []error
	var seen []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if slices.Contains(seen, key.(string)) {
			all = append(all, fmt.Errorf("%s: there twice", join(where, key.(string))))
			continue
		}
		seen = append(seen, key.(string))
		all = append(all, member(key.(string), value))
	}
	return errors.Join(all...)
}

// fieldOf returns the field with the key, or says which one was probably meant.
func fieldOf(v reflect.Value, where, key string) (reflect.Value, error) {
	nearest, least := "", 0
	for i := range v.NumField() {
		known := Key(v.Type().Field(i))
		if known == key {
			return v.Field(i), nil
		}
		if d := levenshtein.ComputeDistance(known, strings.ToLower(key)); nearest == "" || d < least {
			nearest, least = known, d
		}
	}
	return reflect.Value{}, fmt.Errorf("%s: no such key; the nearest is %q", join(where, key), nearest)
}

// Key is the name of a field in the file.
func Key(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return key
}

// kind says what a value must be.
func kind(v reflect.Value) string {
	switch v.Interface().(type) {
	case Size:
		return `a size, such as "64MiB"`
	case Duration:
		return `a time span, such as "30s"`
	case Mode:
		return `a mode, such as "0644"`
	case []string:
		return `a list of strings, ["a", "b"]`
	case bool:
		return "true or false"
	case string:
		return "a string"
	case uint32:
		return "a whole number from 0 to 4294967295"
	}
	return "a whole number"
}

func join(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}

func orTop(where string) string {
	if where == "" {
		return "the file"
	}
	return where
}
