"""What the error codes of MongoDB and Kafka say about whose failure it is, as tables.

`AWAY` heals by itself. `ENVIRONMENT` heals when an operator mends rights, quotas, disks or configuration; until then
every record fails alike. `RECORD` is about what was sent: another record may go through. A code that stands in no
table is taken for the record's; before such a record is put aside, the consumer proves that the servers take others
(`shared.consumer`).

Sources: MongoDB's `src/mongo/base/error_codes.yml` (codes a client can see), Kafka's protocol guide by way of
`aiokafka.errors`.
"""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from aiokafka import errors as kafka


class Fault(Enum):
    """Whose failure it is."""

    AWAY = auto()
    ENVIRONMENT = auto()
    RECORD = auto()

    @property
    def is_waited_for(self) -> bool:
        """Whether the same work is tried again, in order, until it goes through."""
        return self is not Fault.RECORD


_MONGODB_AWAY = {
    6: "HostUnreachable",
    7: "HostNotFound",
    24: "LockTimeout",
    43: "CursorNotFound",
    46: "LockBusy",
    50: "MaxTimeMSExpired",
    63: "StaleShardVersion",
    64: "WriteConcernTimeout",
    83: "RemoteResultsUnavailable",
    89: "NetworkTimeout",
    90: "CallbackCanceled",
    91: "ShutdownInProgress",
    95: "NotSecondary",
    106: "DistributedClockSkewed",
    107: "LockFailed",
    109: "ConfigurationInProgress",
    112: "WriteConflict",
    117: "ConflictingOperationInProgress",
    133: "FailedToSatisfyReadPreference",
    134: "ReadConcernMajorityNotAvailableYet",
    135: "StaleTerm",
    136: "CappedPositionLost",
    143: "CursorInUse",
    145: "PooledConnectionsDropped",
    149: "NoConfigPrimary",
    150: "StaleEpoch",
    172: "TransportSessionClosed",
    173: "TransportSessionNotFound",
    175: "QueryPlanKilled",
    189: "PrimarySteppedDown",
    190: "MasterSlaveConnectionFailure",
    199: "ReplicaSetMonitorRemoved",
    202: "NetworkInterfaceExceededTimeLimit",
    203: "ShardingStateNotInitialized",
    206: "NoSuchSession",
    209: "StaleClusterTime",
    211: "KeyNotFound",
    215: "DatabaseDropPending",
    216: "ElectionInProgress",
    221: "IndexModified",
    230: "DNSHostNotFound",
    231: "DNSProtocolError",
    237: "CursorKilled",
    239: "SnapshotTooOld",
    246: "SnapshotUnavailable",
    249: "StaleDbVersion",
    250: "StaleChunkHistory",
    262: "ExceededTimeLimit",
    272: "MigrationConflict",
    276: "IndexBuildAborted",
    279: "ClientDisconnect",
    290: "TransactionExceededLifetimeLimitSeconds",
    303: "SplitHorizonChange",
    308: "CurrentConfigNotCommittedYet",
    314: "ObjectIsBusy",
    317: "ConnectionPoolExpired",
    319: "MovePrimaryInProgress",
    342: "ReshardingCriticalSectionTimeout",
    343: "ShardCannotRefreshDueToLocksHeld",
    355: "InterruptedDueToStorageChange",
    363: "RetryableTransactionInProgress",
    365: "TemporarilyUnavailable",
    384: "ConnectionError",
    398: "StreamTerminated",
    402: "ResourceExhausted",
    406: "MigrationBlockingOperationCoordinatorCleaningUp",
    407: "PooledConnectionAcquisitionExceededTimeLimit",
    412: "UpdatesStillPending",
    433: "AdmissionQueueOverflow",
    449: "RateLimitExceeded",
    450: "PooledConnectionAcquisitionRejected",
    453: "InterruptedDueToReshardingCriticalSection",
    462: "IngressRequestRateLimitExceeded",
    9001: "SocketException",
    10058: "LegacyNotPrimary",
    10107: "NotWritablePrimary",
    11600: "InterruptedAtShutdown",
    11601: "Interrupted",
    11602: "InterruptedDueToReplStateChange",
    12586: "BackgroundOperationInProgressForDatabase",
    12587: "BackgroundOperationInProgressForNamespace",
    13388: "StaleConfig",
    13435: "NotPrimaryNoSecondaryOk",
    13436: "NotPrimaryOrSecondary",
    46841: "ClientMarkedKilled",
    50915: "BackupCursorOpenConflictWithCheckpoint",
    56846: "ConfigServerUnreachable",
    91331: "RetriableRemoteCommandFailure",
    10045600: "InterruptedDueToFCVChange",
}
_MONGODB_ENVIRONMENT = {
    8: "UnknownError",
    11: "UserNotFound",
    13: "Unauthorized",
    18: "AuthenticationFailed",
    20: "IllegalOperation",  # no replica set: retryable writes are refused, all of them
    31: "RoleNotFound",
    33: "PrivilegeNotFound",
    37: "FileRenameFailed",
    38: "FileNotOpen",
    39: "FileStreamFailed",
    42: "LogWriteFailed",
    45: "UserDataInconsistent",
    51: "ManualInterventionRequired",
    69: "AuthSchemaIncompatible",
    70: "ShardNotFound",
    71: "ReplicaSetNotFound",
    74: "NodeNotFound",
    76: "NoReplicationEnabled",
    79: "UnknownReplWriteConcern",
    80: "RoleDataInconsistent",
    93: "InvalidReplicaSetConfig",
    94: "NotYetInitialized",
    98: "DBPathInUse",
    100: "UnsatisfiableWriteConcern",
    101: "OutdatedClient",
    123: "NotAReplicaSet",
    126: "RPCProtocolNegotiationFailed",
    127: "UnrecoverableRollbackError",
    140: "InvalidSSLConfiguration",
    141: "SSLHandshakeFailed",
    146: "ExceededMemoryLimit",
    148: "ReadConcernMajorityNotEnabled",
    158: "MustUpgrade",
    176: "FileOpenFailed",
    188: "IncompatibleServerVersion",
    204: "TimeProofMismatch",
    210: "CannotVerifyAndSignLogicalTime",
    214: "AuthenticationRestrictionUnmet",
    229: "MustDowngrade",
    240: "DNSRecordTypeMismatch",
    243: "IncompatibleWithUpgradedServer",
    258: "UnknownFeatureCompatibilityVersion",
    261: "TooManyLogicalSessions",
    264: "TooManyFilesOpen",
    269: "DataModifiedByRepair",
    270: "RepairedReplicaSetNode",
    299: "OCSPCertificateStatusRevoked",
    301: "DataCorruptionDetected",
    302: "OCSPCertificateStatusUnknown",
    322: "APIVersionError",
    323: "APIStrictError",
    334: "MechanismUnavailable",
    354: "LoadBalancerSupportMismatch",
    371: "UserWritesBlocked",
    391: "ReauthenticationRequired",
    404: "LDAPRoleAcquisitionError",
    8000: "AtlasError",
    14031: "OutOfDiskSpace",
}
_MONGODB_RECORD = {
    2: "BadValue",
    9: "FailedToParse",
    14: "TypeMismatch",
    17: "ProtocolError",
    22: "InvalidBSON",
    28: "PathNotViable",
    40: "ConflictingUpdateOperators",
    52: "DollarPrefixedFieldName",
    56: "EmptyFieldName",
    66: "ImmutableField",
    121: "DocumentValidationFailure",
    171: "CannotIndexParallelArrays",
    292: "QueryExceededMemoryLimitNoDiskUseAllowed",
    10334: "BSONObjectTooLarge",
    11000: "DuplicateKey",
    17280: "KeyTooLong",
    40415: "IDLUnknownField",
}

MONGODB: Mapping[int, tuple[str, Fault]] = MappingProxyType(
    {
        code: (name, fault)
        for fault, names in (
            (Fault.AWAY, _MONGODB_AWAY),
            (Fault.ENVIRONMENT, _MONGODB_ENVIRONMENT),
            (Fault.RECORD, _MONGODB_RECORD),
        )
        for code, name in names.items()
    }
)

_KAFKA: Mapping[Fault, tuple[type[kafka.KafkaError], ...]] = {
    Fault.AWAY: (
        kafka.KafkaConnectionError,
        kafka.KafkaTimeoutError,
        kafka.KafkaUnavailableError,
        kafka.NoBrokersAvailable,
        kafka.UnknownError,  # the broker's own "unexpected error"
        kafka.BrokerNotAvailableError,
        kafka.ReplicaNotAvailableError,
        kafka.StaleControllerEpochError,
        kafka.StaleLeaderEpochCodeError,
        kafka.ReassignmentInProgress,
        kafka.FetchSessionIdNotFound,
        kafka.InvalidFetchSessionEpoch,
        kafka.ListenerNotFound,
        kafka.OperationNotAttempted,
        kafka.IllegalGenerationError,
        kafka.UnknownMemberIdError,
        kafka.RebalanceInProgressError,
        kafka.MemberIdRequired,
    ),
    Fault.ENVIRONMENT: (
        kafka.AuthenticationFailedError,
        kafka.AuthenticationMethodNotSupported,
        kafka.SaslAuthenticationFailed,
        kafka.UnsupportedSaslMechanismError,
        kafka.IllegalSaslStateError,
        kafka.SecurityDisabled,
        kafka.TopicAuthorizationFailedError,
        kafka.GroupAuthorizationFailedError,
        kafka.ClusterAuthorizationFailedError,
        kafka.DelegationTokenAuthDisabled,
        kafka.DelegationTokenAuthorizationFailed,
        kafka.DelegationTokenExpired,
        kafka.DelegationTokenNotFound,
        kafka.DelegationTokenOwnerMismatch,
        kafka.DelegationTokenRequestNotAllowed,
        kafka.InvalidPrincipalType,
        kafka.QuotaViolationError,
        kafka.PolicyViolationError,
        kafka.LogDirNotFound,
        kafka.InvalidConfigurationError,
        kafka.InvalidReplicationFactorError,
        kafka.InvalidRequiredAcksError,
        kafka.InvalidTopicError,
        kafka.InvalidGroupIdError,
        kafka.InvalidSessionTimeoutError,
        kafka.InconsistentGroupProtocolError,
        kafka.UnsupportedVersionError,
        kafka.UnsupportedForMessageFormatError,
        kafka.UnrecognizedBrokerVersion,
        kafka.IncompatibleBrokerVersion,
        kafka.KafkaConfigurationError,
        kafka.UnsupportedCodecError,
    ),
    Fault.RECORD: (
        kafka.MessageSizeTooLargeError,
        kafka.RecordListTooLargeError,
        kafka.RecordTooLargeError,
        kafka.InvalidTimestampError,
        kafka.CorruptRecordException,
    ),
}
KAFKA: Mapping[type[kafka.KafkaError], Fault] = MappingProxyType(
    {error: fault for fault, errors in _KAFKA.items() for error in errors}
)
"""What is not `retriable` by its own word."""


def mongodb_fault(code: int | None) -> Fault:
    return MONGODB.get(-1 if code is None else code, ("", Fault.RECORD))[1]


def kafka_fault(error: kafka.KafkaError) -> Fault:
    """A plain `KafkaError` is raised where aiokafka has no better word for a broker that it cannot use."""
    if error.retriable or type(error) is kafka.KafkaError:
        return Fault.AWAY
    return KAFKA.get(type(error), Fault.RECORD)


def is_about_the_record(error: BaseException) -> bool:
    """Whether Kafka refuses this very record, and a producer goes on after it."""
    return isinstance(error, kafka.KafkaError) and KAFKA.get(type(error)) is Fault.RECORD
