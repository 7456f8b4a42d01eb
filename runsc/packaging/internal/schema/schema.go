// Package schema checks SBOMs, for tests.
package schema

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Check compares an SBOM with CycloneDX's schema, reads it with CycloneDX's
// parser, and looks whether all that it refers to is in it.
func Check(text []byte) (*cyclonedx.BOM, error) {
	if err := validate(text); err != nil {
		return nil, err
	}
	bom := new(cyclonedx.BOM)
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(bom); err != nil {
		return nil, err
	}
	known := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if known[c.BOMRef] {
			return nil, fmt.Errorf("two components are %s", c.BOMRef)
		}
		known[c.BOMRef] = true
	}
	for _, d := range *bom.Dependencies {
		for _, ref := range append(*d.Dependencies, d.Ref) {
			if !known[ref] {
				return nil, fmt.Errorf("there is no component %s", ref)
			}
		}
	}
	return bom, nil
}

// validate uses the schema files of the module cyclonedx-go.
func validate(text []byte) error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "schema")
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		doc, err := document(dir, name)
		if err != nil {
			return err
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, doc); err != nil {
			return err
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// document reads a schema. One has another name in the module than in the others.
func document(dir, name string) (any, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		text, err = os.ReadFile(filepath.Join(dir, strings.Replace(name, ".schema.", ".schemax.", 1)))
	}
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}
