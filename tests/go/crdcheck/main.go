// Program crdcheck lets the API server's own code judge definitions of custom resources and objects of their kinds.
//
// Standard input is a JSON object: "definitions", and "cases" of {"object", "old"}, where old makes it an update.
// Standard output is a JSON object: "definitions" with the "errors" of each and the worst-case "costs" of its rules by
// path, and "answers", the errors of each case. Rules are compiled as the oldest supported Kubernetes does.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

var oldest = version.MajorMinor(1, 29)

type object = map[string]interface{}

type question struct {
	Definitions []apiextensionsv1.CustomResourceDefinition `json:"definitions"`
	Cases       []struct {
		Object object `json:"object"`
		Old    object `json:"old"`
	} `json:"cases"`
}

type judged struct {
	Name   string            `json:"name"`
	Errors []string          `json:"errors"`
	Costs  map[string]uint64 `json:"costs"`
}

type answer struct {
	Definitions []judged   `json:"definitions"`
	Answers     [][]string `json:"answers"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var asked question
	if err := json.Unmarshal(text, &asked); err != nil {
		return err
	}
	said := answer{Definitions: []judged{}, Answers: [][]string{}}
	kinds := map[string]*kind{}
	for i := range asked.Definitions {
		definition, err := internal(&asked.Definitions[i])
		if err != nil {
			return err
		}
		found, err := kindOf(definition)
		if err != nil {
			return fmt.Errorf("%s: %w", definition.Name, err)
		}
		kinds[definition.Spec.Names.Kind] = found
		costs := map[string]uint64{}
		rules := costsOf(found.props, crdvalidation.RootCELContext(found.props), nil, costs)
		errors := append(crdvalidation.ValidateCustomResourceDefinition(context.Background(), definition), rules...)
		said.Definitions = append(said.Definitions, judged{definition.Name, texts(errors), costs})
	}
	for _, each := range asked.Cases {
		name, _ := each.Object["kind"].(string)
		found, ok := kinds[name]
		if !ok {
			return fmt.Errorf("no definition of kind %q", name)
		}
		said.Answers = append(said.Answers, texts(found.refusals(each.Object, each.Old)))
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}

// internal returns the definition with the defaults that the API server would set.
func internal(given *apiextensionsv1.CustomResourceDefinition) (*apiextensions.CustomResourceDefinition, error) {
	apiextensionsv1.SetDefaults_CustomResourceDefinition(given)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&given.Spec)
	given.Status.StoredVersions = []string{"v1alpha1"}
	var made apiextensions.CustomResourceDefinition
	err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(given, &made, nil)
	return &made, err
}

// kind is what is needed to judge objects of one kind.
type kind struct {
	props  *apiextensions.JSONSchemaProps
	schema *structuralschema.Structural
	shape  validation.SchemaValidator
	rules  *cel.Validator
}

func kindOf(definition *apiextensions.CustomResourceDefinition) (*kind, error) {
	given := definition.Spec.Validation
	if given == nil {
		given = definition.Spec.Versions[0].Schema
	}
	schema, err := structuralschema.NewStructural(given.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	shape, _, err := validation.NewSchemaValidator(given.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	return &kind{given.OpenAPIV3Schema, schema, shape, cel.NewValidator(schema, true, celconfig.PerCallLimit)}, nil
}

// refusals returns why the API server refuses the object; old is nil when it is created.
func (k *kind) refusals(given, old object) field.ErrorList {
	errors := field.ErrorList{}
	options := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(given, k.schema, true, options) {
		errors = append(errors, field.Invalid(field.NewPath(path), nil, "unknown field"))
	}
	defaulting.Default(given, k.schema)
	errors = append(errors, validation.ValidateCustomResource(nil, given, k.shape)...)
	if len(errors) > 0 {
		return errors
	}
	errors = append(errors, listtype.ValidateListSetsAndMaps(nil, k.schema, given)...)
	var before interface{}
	if old != nil {
		defaulting.Default(old, k.schema)
		before = old
	}
	broken, _ := k.rules.Validate(
		context.Background(), nil, k.schema, given, before, celconfig.RuntimeCELCostBudget,
	)
	return append(errors, broken...)
}

// costsOf puts the worst-case cost of each rule into costs by its path, and returns what keeps a rule from compiling.
func costsOf(
	props *apiextensions.JSONSchemaProps, at *crdvalidation.CELSchemaContext, path *field.Path, costs map[string]uint64,
) field.ErrorList {
	errors := field.ErrorList{}
	if len(props.XValidations) > 0 {
		types, err := at.TypeInfo()
		if err != nil || types == nil {
			return append(errors, field.InternalError(path, fmt.Errorf("no types: %v", err)))
		}
		environments := environment.MustBaseEnvSet(oldest, true)
		loader := cel.NewExpressionsEnvLoader()
		results, err := cel.Compile(types.Schema, types.DeclType, celconfig.PerCallLimit, environments, loader)
		if err != nil {
			return append(errors, field.InternalError(path, err))
		}
		for i, each := range results {
			cardinality := each.MaxCardinality
			if at.MaxCardinality != nil {
				cardinality = *at.MaxCardinality
			}
			costs[fmt.Sprintf("%s#%d", path, i)] = each.MaxCost * cardinality
			if each.Error != nil {
				errors = append(errors, field.Invalid(path, props.XValidations[i].Rule, each.Error.Detail))
			}
		}
	}
	for name := range props.Properties {
		child := props.Properties[name]
		errors = append(errors, costsOf(&child, at.ChildPropertyContext(&child, name), path.Child(name), costs)...)
	}
	if props.Items != nil && props.Items.Schema != nil {
		child := props.Items.Schema
		errors = append(errors, costsOf(child, at.ChildItemsContext(child), path.Key("*"), costs)...)
	}
	if props.AdditionalProperties != nil && props.AdditionalProperties.Schema != nil {
		child := props.AdditionalProperties.Schema
		errors = append(errors, costsOf(child, at.ChildAdditionalPropertiesContext(child), path.Key("*"), costs)...)
	}
	return errors
}

func texts(errors field.ErrorList) []string {
	made := []string{}
	for _, each := range errors {
		made = append(made, each.Error())
	}
	return made
}
