package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// sbomOf is the package that an SBOM is of.
type sbomOf struct {
	version, arch string
	time          time.Time
}

// The parts of CycloneDX that are used here.
// https://cyclonedx.org/docs/1.6/json/
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Ref        string        `json:"bom-ref"`
		Type       string        `json:"type"`
		Name       string        `json:"name"`
		Version    string        `json:"version,omitempty"`
		Hashes     []hash        `json:"hashes,omitempty"`
		Licences   []bomLicences `json:"licenses,omitempty"`
		URL        string        `json:"purl,omitempty"`
		Properties []property    `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	bomLicences struct {
		Expression string `json:"expression"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

// sbom lists the programs of a package and the modules that each is linked from,
// as the build information in the programs has them.
func sbom(of sbomOf, programs []program, l licences) ([]byte, error) {
	top := component{Ref: name, Type: "application", Name: name, Version: of.version, Licences: []bomLicences{{"Apache-2.0"}},
		URL: fmt.Sprintf("pkg:deb/%s@%s?arch=%s", name, escape(of.version), of.arch)}
	b := bom{Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Timestamp: of.time.Format(time.RFC3339), Component: top}}
	modules := map[string]component{}
	whole := dependency{Ref: top.Ref, On: []string{}}
	for _, p := range programs {
		c := componentOf(p, of.version)
		whole.On = append(whole.On, c.Ref)
		b.Components = append(b.Components, c)
		d := dependency{Ref: c.Ref, On: []string{}}
		for _, m := range p.modules() {
			known := l[m.key]
			if known == nil {
				return nil, fmt.Errorf("%s has module %s, whose licence was not looked at", p.name, m.key)
			}
			m.component.Licences = []bomLicences{{known.expression()}}
			modules[m.Ref] = m.component
			d.On = append(d.On, m.Ref)
		}
		slices.Sort(d.On)
		b.Dependencies = append(b.Dependencies, d)
	}
	b.Dependencies = append(b.Dependencies, whole)
	for _, ref := range slices.Sorted(maps.Keys(modules)) {
		b.Components = append(b.Components, modules[ref])
	}
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

func componentOf(p program, version string) component {
	c := component{Ref: "program:" + p.name, Type: "application", Name: p.name, Version: version,
		Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", p.sum)}}, Licences: []bomLicences{{"Apache-2.0"}},
		URL: "pkg:golang/" + p.info.Path, Properties: []property{{"path", "/usr/bin/" + p.name}, {"go:version", p.info.GoVersion}}}
	for _, s := range p.info.Settings {
		c.Properties = append(c.Properties, property{"go:build:" + s.Key, s.Value})
	}
	return c
}

// module is a component, and its key among licences.
type module struct {
	component
	key string
}

// modules are those of the program, with Go's own library, and without the other
// modules of this repository: what is packaged is one of them.
func (p program) modules() []module {
	all := []module{moduleOf("std", strings.TrimPrefix(p.info.GoVersion, "go"), standard())}
	for _, m := range p.info.Deps {
		if m.Path == ours || strings.HasPrefix(m.Path, ours+"/") {
			continue
		}
		c := moduleOf(m.Path, m.Version, m.Path+" "+m.Version)
		if m.Replace != nil {
			c.Properties = append(c.Properties, property{"go:replaced-by", m.Replace.Path + " " + m.Replace.Version})
			m = m.Replace
		}
		c.Properties = append(c.Properties, property{"go:sum", m.Sum})
		all = append(all, c)
	}
	return all
}

func moduleOf(path, version, key string) module {
	url := "pkg:golang/" + path + "@" + escape(version)
	return module{component{Ref: url, Type: "library", Name: path, Version: version, URL: url}, key}
}

// escape is for versions in a package URL.
func escape(version string) string { return strings.ReplaceAll(version, "+", "%2B") }
