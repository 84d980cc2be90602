"""Drives a simulated filer with netapp-lib, a step at a time. Argument: the port on localhost."""

import sys

from netapp_lib.api.zapi import errors
from netapp_lib.api.zapi.zapi import NaApiError, NaServer, invoke_api

SVM = 'vs1'
STEPS = []


def step(function):
    STEPS.append(function)
    return function


def connect(password='secret', version=(1, 110)):
    server = NaServer('localhost', transport_type='https', username='filerfs', password=password, port=sys.argv[1])
    server.set_api_version(*version)
    return server


def call(name, /, tunnel=SVM, server=None, **arguments):
    """One call; arguments with _ for -."""
    elements = {key.replace('_', '-'): value for key, value in arguments.items()}
    replies = invoke_api(server or connect(), name, additional_elems=elements, tunnel=tunnel)
    return next(replies)


def refused(code, name, /, **arguments):
    try:
        call(name, **arguments)
    except NaApiError as error:
        assert str(error.code) == str(code), f'{name}: {error}, expected {code}'
        return error.message
    raise AssertionError(f'{name} passed, expected {code}')


def records(name, query=None):
    """Every record of a list, through all its pages."""
    found = []
    for page in invoke_api(connect(), name, query=query, is_iter=True, tunnel=SVM):
        children = page.get_child_by_name('attributes-list')
        found += children.get_children() if children else []
        assert int(page['num-records']) == len(children.get_children() if children else [])
    return found


def volume(name):
    query = {'volume-attributes': {'volume-id-attributes': {'name': name}}}
    return records('volume-get-iter', query)


def snapshots(name):
    query = {'snapshot-info': {'volume': name}}
    return {record['name']: record for record in records('snapshot-get-iter', query)}


def modify(name, /, **groups):
    attributes = {'volume-attributes': {group.replace('_', '-'): values for group, values in groups.items()}}
    query = {'volume-attributes': {'volume-id-attributes': {'name': name}}}
    reply = call('volume-modify-iter', query=query, attributes=attributes)
    return int(reply['num-succeeded']), int(reply['num-failed'])


SYS = {'security-flavor': 'sys'}


@step
def versions():
    reply = call('system-get-ontapi-version', tunnel=None)
    assert (reply['major-version'], reply['minor-version']) == ('1', '110')
    reply = call('system-get-version', tunnel=None)
    assert reply['version-tuple']['system-version-tuple']['generation'] == '9'
    refused(13010, 'system-get-version', server=connect(version=(1, 999)))


@step
def wrong_password():
    refused(401, 'system-get-version', server=connect(password='wrong'))


@step
def unknown_names():
    refused(13005, 'no-such-call')
    refused(15698, 'volume-get-iter', tunnel='vs9')
    assert volume('nobody') == []
    refused(errors.EOBJECTNOTFOUND, 'snapshot-delete', volume='vol00001', snapshot='nobody')
    refused(13040, 'volume-size', volume='nobody', new_size='1g')
    refused(15661, 'export-policy-destroy', policy_name='nobody')


@step
def pages():
    names = [record['volume-id-attributes']['name'] for record in records('volume-get-iter')]
    assert len(names) == 61 and names == sorted(set(names)), names


@step
def create():
    call('volume-create', volume='v1', containing_aggr_name='aggr1', size='30000000', junction_path='/v1')
    message = refused(17, 'volume-create', volume='v1',
                      containing_aggr_name='aggr1', size='30000000')
    assert message == 'Duplicate volume name v1. ', message
    (record,) = volume('v1')
    assert record['volume-id-attributes']['junction-path'] == '/v1'
    assert record['volume-space-attributes']['size'] == '30003200'


@step
def resize():
    reply = call('volume-size', volume='v1', new_size='60006400')
    assert reply['volume-size'] == '57.23m'
    (record,) = volume('v1')
    assert record['volume-space-attributes']['size'] == '60006400'
    assert record['volume-autosize-attributes']['maximum-size'] == '72007680'
    call('volume-autosize-set', volume='v1', is_enabled='true', maximum_size='80000000.0')
    assert call('volume-autosize-get', volume='v1')['mode'] == 'grow'


@step
def modifications():
    assert modify('v1', volume_space_attributes={'percentage-snapshot-reserve': '10'}) == (1, 0)
    assert modify('v1', volume_id_attributes={'comment': 'a < b & c'}) == (1, 0)
    assert modify('nobody', volume_id_attributes={'comment': 'x'}) == (0, 0)
    assert modify('v1', volume_export_attributes={'policy': 'nobody'}) == (0, 1)
    (record,) = volume('v1')
    assert record['volume-id-attributes']['comment'] == 'a < b & c'


@step
def compression():
    call('sis-enable', path='/vol/v1')
    call('sis-set-config', path='/vol/v1', enable_compression='true')
    refused(13001, 'sis-enable', path='/vol/v1')
    (record,) = records('sis-get-iter', {'sis-status-info': {'path': '/vol/v1'}})
    assert record['is-compression-enabled'] == 'true'


@step
def snapshot():
    call('snapshot-create', volume='v1', snapshot='s1', comment='before')
    refused(13020, 'snapshot-create', volume='v1', snapshot='s1')
    call('snapshot-create', volume='v1', snapshot='s2')
    call('snapshot-rename', volume='v1', current_name='s2', new_name='s3')
    assert sorted(snapshots('v1')) == ['s1', 's3']
    assert snapshots('v1')['s1']['comment'] == 'before'
    call('snapshot-delete', volume='v1', snapshot='s3')
    call('snapshot-restore-volume', volume='v1', snapshot='s1')


@step
def clone():
    call('volume-clone-create', parent_volume='v1', volume='c1', parent_snapshot='s1', junction_path='/c1')
    assert snapshots('v1')['s1']['busy'] == 'true'
    refused(13024, 'snapshot-delete', volume='v1', snapshot='s1')
    assert call('volume-clone-get', volume='c1')['attributes']['volume-clone-info']['parent-volume'] == 'v1'
    refused(15661, 'volume-clone-get', volume='v1')
    refused(17, 'volume-clone-create', parent_volume='v1', volume='v1', parent_snapshot='s1')
    call('volume-destroy', name='c1', unmount_and_offline='true')
    call('snapshot-delete', volume='v1', snapshot='s1')


@step
def policies_and_rules():
    reply = call('export-policy-create', policy_name='p1', return_record='true')
    assert reply['result']['export-policy-info']['policy-name'] == 'p1'
    refused(errors.EDUPLICATEENTRY, 'export-policy-create', policy_name='p1')
    for host in ('10.0.0.1', '10.0.0.0/24'):
        call('export-rule-create', policy_name='p1', client_match=host, ro_rule=SYS, rw_rule=SYS)
    refused(13130, 'export-rule-create', policy_name='p1', client_match='10.0.0.1', ro_rule=SYS, rw_rule=SYS)
    call('export-rule-set-index', policy_name='p1', rule_index='2', new_rule_index='1')
    call('export-rule-modify', policy_name='p1', rule_index='1', anonymous_user_id='0')
    rules = records('export-rule-get-iter', {'export-rule-info': {'policy-name': 'p1'}})
    assert [(rule['rule-index'], rule['client-match']) for rule in rules] == [('1', '10.0.0.0/24'), ('2', '10.0.0.1')]
    assert rules[0]['anonymous-user-id'] == '0'
    assert modify('v1', volume_export_attributes={'policy': 'p1'}) == (1, 0)
    refused(15704, 'export-policy-destroy', policy_name='p1')
    call('export-policy-rename', policy_name='p1', new_policy_name='p2')
    assert modify('v1', volume_export_attributes={'policy': 'default'}) == (1, 0)
    call('export-rule-destroy', policy_name='p2', rule_index='1')
    call('export-policy-destroy', policy_name='p2')


@step
def restrict_and_destroy():
    call('volume-unmount', volume_name='v1')
    refused(14716, 'volume-unmount', volume_name='v1')
    call('volume-restrict', name='v1')
    (record,) = volume('v1')
    assert record['volume-state-attributes']['state'] == 'restricted'
    assert record.get_child_by_name('volume-space-attributes') is None
    refused(13058, 'volume-destroy', name='v1')
    call('volume-offline', name='v1')
    refused(13042, 'volume-offline', name='v1')
    call('volume-destroy', name='v1')
    assert volume('v1') == []


for run in STEPS:
    try:
        run()
    except Exception:
        print(f'failed: {run.__name__}', flush=True)
        raise
    print(f'done: {run.__name__}')
print('all steps done')
