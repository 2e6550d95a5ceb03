"""The keys of the languages that documents are written in, whether or not they are carried out here.

What is spelled right and refused is told otherwise than a slip. Kubernetes: the fields of Pod, Deployment, StatefulSet, Job,
Service, ConfigMap, Secret and Ingress and of all that they hold but their status, as its Python client's models have them.
Compose: the Compose Specification's schema (compose-spec/compose-spec, commit 170098b), and the keys that only v1 had.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KUBERNETES = _words(
    """
    accessModes action activeDeadlineSeconds add affinity all allocateLoadBalancerNodePorts allowPrivilegeEscalation annotations
    apiGroup apiVersion appArmorProfile appProtocol args audience automountServiceAccountToken awsElasticBlockStore azureDisk
    azureFile backend backoffLimit backoffLimitPerIndex basic binaryData bindMountOptions blockOwnerDeletion cachingMode
    capabilities cephfs certificateChainPath chapAuthDiscovery chapAuthSession cinder claimName claims clientIP clusterIP
    clusterIPs clusterTrustBundle command completionMode completions conditionType configMap configMapKeyRef configMapRef
    containerName containerPort containers controller creationTimestamp credentialBundlePath csi data dataSource dataSourceRef
    datasetName datasetUUID defaultBackend defaultMode defaultUser deletionGracePeriodSeconds deletionTimestamp devicePath
    directory diskName diskURI disruptionMode divisor dnsConfig dnsPolicy downwardAPI driver drop effect emptyDir
    enableServiceLinks endpoints env envFrom ephemeral ephemeralContainers evictionResponders exec exitCodes expirationSeconds
    externalIPs externalName externalTrafficPolicy failureThreshold fc fieldPath fieldRef fieldsType fieldsV1 fileKeyRef
    finalizers flexVolume flocker fsGroup fsGroupChangePolicy fsType gang gateway gcePersistentDisk generateName generation
    gitRepo glusterfs gmsaCredentialSpec gmsaCredentialSpecName group grpc healthCheckNodePort host hostAliases hostIP hostIPC
    hostNetwork hostPID hostPath hostPort hostProcess hostUsers hostname hostnameOverride hostnames hosts http httpGet
    httpHeaders image imagePullPolicy imagePullSecrets immutable ingressClassName initContainers initialDelaySeconds
    initiatorName internalTrafficPolicy ip ipFamilies ipFamilyPolicy iqn iscsi iscsiInterface items key keyPath keyType keyring
    kind labelSelector labels level lifecycle limits livenessProbe loadBalancerClass loadBalancerIP loadBalancerSourceRanges
    localhostProfile lun managedBy managedFields manager manualSelector matchExpressions matchFields matchLabelKeys matchLabels
    maxExpirationSeconds maxFailedIndexes maxSkew maxSurge maxUnavailable medium metadata minCount minDomains minReadySeconds
    mismatchLabelKeys mode monitors mountPath mountPropagation name nameservers namespace namespaceSelector namespaces nfs
    nodeAffinity nodeAffinityPolicy nodeName nodePort nodePublishSecretRef nodeSelector nodeSelectorTerms nodeTaintsPolicy
    number onExitCodes onPodConditions operation operator optional options ordinals os overhead ownerReferences parallelism
    partition path pathType paths paused pdID pdName periodSeconds persistentVolumeClaim persistentVolumeClaimRetentionPolicy
    photonPersistentDisk podAffinity podAffinityTerm podAntiAffinity podCertificate podFailurePolicy podGroupName
    podManagementPolicy podReplacementPolicy pool port portals ports portworxVolume postStart preStop preemptionPolicy
    preference preferredDuringSchedulingIgnoredDuringExecution prefix priority priorityClassName privileged procMount
    progressDeadlineSeconds projected protectionDomain protocol publishNotReadyAddresses pullPolicy quobyte rbd readOnly
    readOnlyRootFilesystem readinessGates readinessProbe recursiveReadOnly reference registry replicas repository request
    requests requiredDuringSchedulingIgnoredDuringExecution resizePolicy resource resourceClaimName resourceClaimTemplateName
    resourceClaims resourceFieldRef resourceName resourceVersion resources restartPolicy restartPolicyRules revision
    revisionHistoryLimit role rollingUpdate rules runAsGroup runAsNonRoot runAsUser runAsUserName runtimeClassName scaleIO
    schedulerName scheduling schedulingConstraints schedulingGates schedulingGroup schedulingPolicy scheme seLinuxChangePolicy
    seLinuxOptions searches seccompProfile seconds secret secretFile secretKeyRef secretName secretRef securityContext selector
    selfLink server service serviceAccount serviceAccountName serviceAccountToken serviceName sessionAffinity
    sessionAffinityConfig setHostnameAsFQDN shareName shareProcessNamespace signerName single sizeLimit sleep sources spec
    sslEnabled start startupProbe status stdin stdinOnce stopSignal storageClassName storageMode storagePolicyID
    storagePolicyName storagePool storageos strategy stringData subPath subPathExpr subdomain subresource succeededCount
    succeededIndexes successPolicy successThreshold supplementalGroups supplementalGroupsPolicy suspend sysctls system
    targetContainerName targetPort targetPortal targetWWNs tcpSocket template tenant terminationGracePeriodSeconds
    terminationMessagePath terminationMessagePolicy time timeoutSeconds tls tolerationSeconds tolerations topology topologyKey
    topologySpreadConstraints trafficDistribution ttlSecondsAfterFinished tty type uid updateStrategy user userAnnotations value
    valueFrom values volume volumeAttributes volumeAttributesClassName volumeClaimTemplate volumeClaimTemplates volumeDevices
    volumeID volumeMode volumeMounts volumeName volumeNamespace volumePath volumes vsphereVolume weight whenDeleted whenScaled
    whenUnsatisfiable windowsOptions workingDir wwids
    """
)

COMPOSE = _words(
    """
    action additional_contexts aliases annotations app_protocol args attach attachable aux_addresses bind blkio_config build
    cache_from cache_to cap_add cap_drop capabilities cgroup cgroup_parent command condition config configs consistency
    constraints container_name content context context_size count cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period
    cpu_rt_runtime cpu_shares cpus cpuset create_host_path credential_spec delay depends_on deploy develop device_cgroup_rules
    device_ids device_read_bps device_read_iops device_write_bps device_write_iops devices disable discrete_resource_spec dns
    dns_opt dns_search dockerfile dockerfile_inline domainname driver driver_opts enable_ipv4 enable_ipv6 endpoint_mode
    endpoint_var entitlements entrypoint env_file environment exec expose extends external external_links extra_hosts
    failure_action file format gateway generic_resources gid gpus group_add gw_priority hard healthcheck host_ip hostname ignore
    image include init initial_sync interface_name internal interval ip_range ipam ipc ipv4_address ipv6_address isolation kind
    label_file labels limits link_local_ips links log_driver log_opt logging mac_address max_attempts max_failure_ratio
    max_replicas_per_node mem_limit mem_reservation mem_swappiness memory memswap_limit mode model model_var models monitor name
    net network network_mode networks no_cache nocopy oom_kill_disable oom_score_adj options order parallelism path permissions
    pid pids pids_limit placement platform platforms ports post_start pre_stop preferences priority privileged profiles
    project_directory propagation protocol provenance provider published pull pull_policy pull_refresh_after rate read_only
    recursive registry replicas required reservations resources restart restart_policy retries rollback_config runtime
    runtime_flags sbom scale secrets security_opt selinux service services shm_size size soft source spread ssh start_interval
    start_period stdin_open stop_grace_period stop_signal storage_opt subnet subpath sysctls tags target template_driver test
    timeout tmpfs tty type uid ulimits update_config use_api_socket user userns_mode uts value version volume volume_driver
    volumes volumes_from watch weight weight_device window working_dir
    """
)
