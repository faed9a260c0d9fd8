{{/* What the operator may do where it watches. No Secret but one, no writing to pods. */}}
{{- define "antiphon.operatorRules" -}}
- apiGroups: [antiphon.dev]
  resources: [appregistrations, workflows, workflowruns, workflowschedules, statestores]
  verbs: [get, list, watch]
- apiGroups: [antiphon.dev]
  resources: [appregistrations/status, workflows/status, workflowruns/status, workflowschedules/status, statestores/status]
  verbs: [get, patch, update]
# Schedules create runs and delete old ones; a run that is to be terminated when it is deleted has a finalizer.
- apiGroups: [antiphon.dev]
  resources: [workflowruns]
  verbs: [create, patch, delete]
- apiGroups: [antiphon.dev]
  resources: [workflowruns/finalizers, workflowschedules/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- with .Values.etcd.external.credentialsSecret }}
# Whether the Secret for etcd is there.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ . }}]
  verbs: [get]
{{- end }}
{{- end -}}

{{/* What the webhook reads to decide. */}}
{{- define "antiphon.webhookRules" -}}
- apiGroups: [antiphon.dev]
  resources: [appregistrations, statestores, workflows]
  verbs: [get, list, watch]
{{- end -}}

{{/* Rules for a component's service account: in the whole cluster, or in each watched namespace. Takes (list root component rules). */}}
{{- define "antiphon.grant" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $rules := index . 2 -}}
{{- $fullname := include "antiphon.fullname" $root -}}
{{- $name := printf "%s-%s" (include "antiphon.clusterName" $root) $component -}}
{{- if not $root.Values.watchNamespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "antiphon.labels" (list $root $component) | nindent 4 }}
rules:
  {{- $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "antiphon.labels" (list $root $component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $fullname }}-{{ $component }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}
{{- range $namespace := $root.Values.watchNamespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "antiphon.labels" (list $root $component) | nindent 4 }}
rules:
  {{- $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "antiphon.labels" (list $root $component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $fullname }}-{{ $component }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}
{{- end -}}
